# SPDX-License-Identifier: Apache-2.0
# Makes C slices of files: cmake -D HEADER=... -D OUT=... -D "FILES=name=path;..." -P embed_files.cmake. The header declares the names.

set(text "/* Made by cmake/embed_files.cmake. */\n#include \"${HEADER}\"\n")
foreach(pair IN LISTS FILES)
    string(REGEX REPLACE "=.*" "" name "${pair}")
    string(REGEX REPLACE "^[^=]*=" "" path "${pair}")
    file(READ ${path} bytes HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    string(APPEND text "\nstatic const unsigned char ${name}_bytes[] = {${bytes}};\n"
        "const struct slice ${name} = {(const char *)${name}_bytes, sizeof ${name}_bytes};\n")
endforeach()
file(WRITE ${OUT} "${text}")
