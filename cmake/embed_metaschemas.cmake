# SPDX-License-Identifier: Apache-2.0
# Makes a C table of the metaschemas below a folder: cmake -D FOLDER=... -D OUT=... -P embed_metaschemas.cmake

file(GLOB_RECURSE files ${FOLDER}/*.json)
list(SORT files)
set(arrays "")
set(rows "")
set(index 0)
foreach(file IN LISTS files)
    file(READ ${file} text)
    string(JSON uri GET "${text}" "$id")
    string(REGEX REPLACE "#$" "" uri "${uri}")
    file(READ ${file} bytes HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    string(APPEND arrays "static const unsigned char text_${index}[] = {${bytes}};\n")
    string(APPEND rows "    {{\"${uri}\", sizeof(\"${uri}\") - 1}, {(const char *)text_${index}, sizeof text_${index}}},\n")
    math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUT} "/* Made by cmake/embed_metaschemas.cmake. */\n#include \"lib/schema/metaschemas_int.h\"\n\n${arrays}
const struct metaschema metaschemas[] = {\n${rows}};\nconst size_t metaschema_count = ${index};\n")
