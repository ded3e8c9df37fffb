# SPDX-License-Identifier: Apache-2.0
# Everything that changes code generation, in one interface target.

find_package(Threads REQUIRED)
add_library(weir_flags INTERFACE)
target_include_directories(weir_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(weir_flags INTERFACE _GNU_SOURCE WEIR_VERSION="${PROJECT_VERSION}")
target_compile_options(weir_flags INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Wpointer-arith -Wcast-align -Wundef -Wwrite-strings -Wformat=2 -Wno-format-nonliteral -Wimplicit-fallthrough
    -fno-common -fno-strict-aliasing -fno-omit-frame-pointer)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    # gcc clears a struct of some hundred bytes with "rep stos", which takes longer to start than glibc's AVX2 loop to end.
    target_compile_options(weir_flags INTERFACE -mmemset-strategy=unrolled_loop:128:noalign,libcall:-1:noalign)
endif()
if(WEIR_WERROR)
    target_compile_options(weir_flags INTERFACE -Werror)
endif()
if(WEIR_SANITIZE)
    target_compile_options(weir_flags INTERFACE -fsanitize=${WEIR_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(weir_flags INTERFACE -fsanitize=${WEIR_SANITIZE})
    # ONNX Runtime throws inside itself. The sanitizers intercept __cxa_throw and look for the real one when the process
    # starts: without libstdc++ in it by then, the first exception aborts.
    target_link_libraries(weir_flags INTERFACE -Wl,--push-state,--no-as-needed -l:libstdc++.so.6 -Wl,--pop-state)
endif()
if(WEIR_FUZZ)
    target_compile_options(weir_flags INTERFACE -fsanitize=fuzzer-no-link)
    target_compile_definitions(weir_flags INTERFACE FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
endif()
if(WEIR_COVERAGE)
    target_compile_options(weir_flags INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(weir_flags INTERFACE --coverage)
endif()
if(WEIR_HARDENED)
    target_compile_options(weir_flags INTERFACE -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
        -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -ftrivial-auto-var-init=zero)
    target_link_options(weir_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
