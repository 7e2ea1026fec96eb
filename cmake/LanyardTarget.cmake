# How every target of this project is compiled. One place, so that no folder can quietly opt out of a warning.
#
#   lanyard_library(NAME SOURCES a.c b.c [USES lanyard-base PkgConfig::SYSTEMD])     static library lanyard-NAME
#   lanyard_program(NAME SOURCES main.c [USES ...])                                 installed program
#   lanyard_unit_test(NAME SOURCES test.c [USES ...])                               cmocka test, named NAME in ctest
#   lanyard_fuzz_target(NAME SOURCES fuzz.c [USES ...])                             libFuzzer target, corpus tests/fuzz/corpus/NAME

function(lanyard_flags target)
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE LANYARD_VERSION="${PROJECT_VERSION}")
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wswitch-enum -Wconversion -Werror -Wshadow -Wstrict-prototypes
    -Wmissing-prototypes -Wvla -fstack-protector-strong -fno-common)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  if(LANYARD_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -g)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined)
  elseif(LANYARD_SANITIZE)
    # -O1 -g1, behind the build type's own: what a report needs, in two thirds of the compiler's time.
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1 -g1)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined)
  else()
    target_compile_options(${target} PRIVATE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fPIE -fstack-clash-protection)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64")
      target_compile_options(${target} PRIVATE -fcf-protection)
    endif()
    target_link_options(${target} PRIVATE -Wl,-z,relro,-z,now,-z,noexecstack)
  endif()
endfunction()

function(lanyard_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
  add_library(lanyard-${name} STATIC ${ARG_SOURCES})
  lanyard_flags(lanyard-${name})
  target_link_libraries(lanyard-${name} PUBLIC ${ARG_USES})
endfunction()

function(lanyard_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  lanyard_flags(${name})
  target_link_options(${name} PRIVATE -pie)
  target_link_libraries(${name} PRIVATE ${ARG_USES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

function(lanyard_unit_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
  if(LANYARD_FUZZ)
    return()
  endif()
  add_executable(unit-${name} ${ARG_SOURCES})
  lanyard_flags(unit-${name})
  target_link_libraries(unit-${name} PRIVATE ${ARG_USES} cmocka)
  target_compile_definitions(unit-${name} PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND unit-${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 120)
endfunction()

function(lanyard_fuzz_target name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
  if(NOT LANYARD_FUZZ)
    return()
  endif()
  add_executable(fuzz-${name} ${ARG_SOURCES})
  lanyard_flags(fuzz-${name})
  target_link_libraries(fuzz-${name} PRIVATE ${ARG_USES})
  target_link_options(fuzz-${name} PRIVATE -fsanitize=fuzzer,address,undefined)
  set_target_properties(fuzz-${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
endfunction()
