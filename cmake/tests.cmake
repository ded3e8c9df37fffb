# SPDX-License-Identifier: Apache-2.0
# tests/unit mirrors src: tests/unit/lib/http/http1_test.c → test_lib_http_http1, linked to that folder's library only.

pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)

# The library that a test or fuzz target of src/<folder> needs.
function(weir_library_of folder ret)
    if(folder MATCHES "^lib/([a-z0-9_]+)")
        set(${ret} weir_${CMAKE_MATCH_1} PARENT_SCOPE)
    elseif(folder MATCHES "^(pipeline|control|load|cmd)")
        set(${ret} weir_${CMAKE_MATCH_1} PARENT_SCOPE)
    else()
        set(${ret} weir_cmd PARENT_SCOPE)
    endif()
endfunction()

file(GLOB_RECURSE unit_tests CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/tests/unit ${CMAKE_SOURCE_DIR}/tests/unit/*_test.c)
foreach(test ${unit_tests})
    string(REGEX REPLACE "_test\\.c$" "" path ${test})
    string(REPLACE "/" "_" name ${path})
    weir_library_of(${path} library)
    add_executable(test_${name} tests/unit/${test})
    target_include_directories(test_${name} PRIVATE tests)
    target_link_libraries(test_${name} PRIVATE ${library} PkgConfig::cmocka)
    target_compile_definitions(test_${name} PRIVATE
        TESTS_DIR="${CMAKE_SOURCE_DIR}/tests" EXAMPLES_DIR="${CMAKE_SOURCE_DIR}/examples"
        MODELS_DIR="${WEIR_DEPS_DIR}/models")
    add_test(NAME unit/${path} COMMAND test_${name})
    set_tests_properties(unit/${path} PROPERTIES TIMEOUT 120 LABELS unit SKIP_RETURN_CODE 77)
endforeach()

# A fuzz target names its library on a line `fuzz-library: <folder>` in its head comment.
file(GLOB fuzz_tests CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/tests/fuzz ${CMAKE_SOURCE_DIR}/tests/fuzz/*_fuzz.c)
foreach(test ${fuzz_tests})
    string(REGEX REPLACE "_fuzz\\.c$" "" name ${test})
    file(STRINGS tests/fuzz/${test} line REGEX "fuzz-library: " LIMIT_COUNT 1)
    string(REGEX REPLACE ".*fuzz-library: ([a-z0-9_/]+).*" "\\1" folder "${line}")
    weir_library_of(${folder} library)
    if(WEIR_FUZZ)
        add_executable(fuzz_${name} tests/fuzz/${test})
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    else()
        add_executable(fuzz_${name} tests/fuzz/${test} tests/fuzz/replay.c)
        add_test(NAME fuzz/${name} COMMAND fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
        set_tests_properties(fuzz/${name} PROPERTIES TIMEOUT 120 LABELS fuzz)
    endif()
    target_link_libraries(fuzz_${name} PRIVATE ${library})
endforeach()

# fuzz/http1_llhttp: llhttp is built from the source that Debian's node-llhttp installs. Without it the target skips.
find_path(LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/share/include/llhttp)
find_path(LLHTTP_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp)
if(LLHTTP_INCLUDE_DIR AND LLHTTP_SOURCE_DIR)
    add_library(llhttp_reference STATIC
        ${LLHTTP_SOURCE_DIR}/api.c ${LLHTTP_SOURCE_DIR}/http.c ${LLHTTP_SOURCE_DIR}/llhttp.c)
    target_include_directories(llhttp_reference SYSTEM PUBLIC ${LLHTTP_INCLUDE_DIR})
    target_compile_definitions(llhttp_reference PUBLIC LLHTTP_STRICT_MODE=1 HAVE_LLHTTP)
    target_link_libraries(llhttp_reference PRIVATE weir_flags)
    target_compile_options(llhttp_reference PRIVATE -w)
    target_sources(fuzz_http1_llhttp PRIVATE tests/fuzz/http1_llhttp_classes.c)
    target_include_directories(fuzz_http1_llhttp PRIVATE tests)
    target_link_libraries(fuzz_http1_llhttp PRIVATE llhttp_reference)
endif()
if(NOT WEIR_FUZZ)
    set_tests_properties(fuzz/http1_llhttp PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT HTTP1_LLHTTP_ALL=1)
endif()

if(EXISTS ${CMAKE_SOURCE_DIR}/tests/CMakeLists.txt)
    add_subdirectory(tests)
endif()
