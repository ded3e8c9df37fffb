# SPDX-License-Identifier: Apache-2.0
# weir_server_test(<name> <seconds> <command>…): a test that starts the built binary by way of tests/support/weir.py.
# Instrumented binaries are slower, and so may be the test.

function(weir_server_test name seconds)
    if(WEIR_SANITIZE)
        math(EXPR seconds "${seconds} * 4")
    endif()
    add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES
        TIMEOUT ${seconds} SKIP_RETURN_CODE 77 LABELS server
        ENVIRONMENT "WEIR=$<TARGET_FILE:weir>;WEIR_DEPS=${WEIR_DEPS_DIR};WEIR_SANITIZE=${WEIR_SANITIZE}")
endfunction()
