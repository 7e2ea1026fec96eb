# Writes a file's bytes as a C array: cmake -D IN=… -D OUT=… -P embed.cmake
file(READ ${IN} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT} "#include \"companion/http/openapi.h\"\n\nconst char openapi_yaml[] = { ${bytes} };\nconst size_t openapi_yaml_size = sizeof(openapi_yaml);\n")
