# SPDX-License-Identifier: Apache-2.0
# Third-party libraries: the system's own where it has them, else the prefix that setup/setup.sh fills.

find_package(PkgConfig REQUIRED)

# One run path, when built and when installed. That of the build alone, which CMake means to replace at installation, ends
# with a colon, and to the dynamic linker the empty entry behind it is the current folder.
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)

# weir_dep(<name> <pkg-config modules>…)
function(weir_dep name)
    pkg_check_modules(${name} REQUIRED IMPORTED_TARGET GLOBAL ${ARGN})
    add_library(weir_dep_${name} INTERFACE)
    target_link_libraries(weir_dep_${name} INTERFACE PkgConfig::${name})
endfunction()

weir_dep(yaml libfyaml)
weir_dep(crypto libcrypto)
weir_dep(tls libssl libcrypto)
weir_dep(http2 libnghttp2)
weir_dep(codings zlib libbrotlienc libbrotlidec libzstd)
weir_dep(resolver libcares)
weir_dep(regex libpcre2-8)
add_library(weir_dep_unicode INTERFACE)
target_link_libraries(weir_dep_unicode INTERFACE unistring) # has no pkg-config file
weir_dep(images libjpeg spng libwebp)

pkg_check_modules(yyjson QUIET IMPORTED_TARGET GLOBAL yyjson)
add_library(weir_dep_yyjson INTERFACE)
if(yyjson_FOUND)
    target_link_libraries(weir_dep_yyjson INTERFACE PkgConfig::yyjson)
else()
    find_path(WEIR_YYJSON_INCLUDE yyjson.h PATHS ${WEIR_DEPS_DIR}/include NO_DEFAULT_PATH)
    find_library(WEIR_YYJSON_LIB NAMES libyyjson.a yyjson libyyjson.so.0 PATHS ${WEIR_DEPS_DIR}/lib NO_DEFAULT_PATH)
    if(NOT WEIR_YYJSON_INCLUDE OR NOT WEIR_YYJSON_LIB)
        message(FATAL_ERROR "yyjson not found: run setup/setup.sh, or install libyyjson-dev")
    endif()
    target_include_directories(weir_dep_yyjson SYSTEM INTERFACE ${WEIR_YYJSON_INCLUDE})
    target_link_libraries(weir_dep_yyjson INTERFACE ${WEIR_YYJSON_LIB})
    set(CMAKE_INSTALL_RPATH ${WEIR_DEPS_DIR}/lib)
endif()

# Only the C header: the library itself is opened at run time.
find_path(WEIR_ORT_INCLUDE onnxruntime_c_api.h
    HINTS $ENV{WEIR_ORT_INCLUDE} ${WEIR_DEPS_DIR}/include PATH_SUFFIXES onnxruntime onnxruntime/core/session)
if(NOT WEIR_ORT_INCLUDE)
    message(FATAL_ERROR "onnxruntime_c_api.h not found: run setup/setup.sh, or set WEIR_ORT_INCLUDE")
endif()
add_library(weir_dep_ort INTERFACE)
target_include_directories(weir_dep_ort SYSTEM INTERFACE ${WEIR_ORT_INCLUDE})
target_compile_definitions(weir_dep_ort INTERFACE WEIR_DEPS_LIB_DIR="${WEIR_DEPS_DIR}/lib")

# The page /docs: Swagger UI, which becomes part of the program.
find_path(WEIR_VIEWER_DIR swagger-ui-bundle.js HINTS $ENV{WEIR_VIEWER} ${WEIR_DEPS_DIR}/viewer NO_DEFAULT_PATH)
if(NOT WEIR_VIEWER_DIR OR NOT EXISTS ${WEIR_VIEWER_DIR}/swagger-ui.css)
    message(FATAL_ERROR "swagger-ui-bundle.js and swagger-ui.css, the viewer of /docs, not found: run setup/setup.sh, or set "
        "WEIR_VIEWER to the folder of a swagger-ui-dist")
endif()

# The charts of reports: uPlot, which becomes part of the program, too.
find_path(WEIR_CHARTS_DIR uPlot.iife.min.js HINTS $ENV{WEIR_CHARTS} ${WEIR_DEPS_DIR}/charts NO_DEFAULT_PATH)
if(NOT WEIR_CHARTS_DIR OR NOT EXISTS ${WEIR_CHARTS_DIR}/uPlot.min.css)
    message(FATAL_ERROR "uPlot.iife.min.js and uPlot.min.css, the charts of reports, not found: run setup/setup.sh, or set "
        "WEIR_CHARTS to the folder dist of an uplot")
endif()
