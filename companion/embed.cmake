# Writes a file's bytes as a C array: cmake -D IN=… -D OUT=… -P embed.cmake
file(READ ${IN} bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT} "#include \"companion/http/openapi.h\"\n\nconst unsigned char openapi_yaml[] = {\n${bytes}};\nconst size_t openapi_yaml_size = sizeof(openapi_yaml);\n")
