#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Says what of the hardening did not arrive in a binary: tools/check_hardened.sh build/hardened/weir
# Flags are asked for in cmake/flags.cmake; a compiler, a linker or a library may still leave something out.
#
# Not asked for: the note that says "all of this has endbr64 and a shadow stack is fine" (IBT, SHSTK). The linker writes it
# when every object has it, and Debian's Scrt1.o does not. Our own code has the instructions, which is what is looked at.

set -u
export LC_ALL=C
binary=${1:?which binary?}
missing=0

# need PATTERN WHAT TEXT: a line of TEXT has the pattern
need()
{
    printf '%s\n' "$3" | grep -Eq -- "$1" || { echo "$binary: no $2"; missing=1; }
}

refuse()
{
    printf '%s\n' "$3" | grep -Eq -- "$1" && { echo "$binary: $2"; missing=1; }
}

head=$(readelf --wide --file-header --program-headers "$binary") || exit 1
dynamic=$(readelf --wide --dynamic "$binary")
symbols=$(readelf --wide --dyn-syms "$binary")

need 'Type: +DYN' 'position-independent executable' "$head"
need 'FLAGS_1.*\<PIE\>' 'position-independent executable' "$dynamic"
need 'GNU_RELRO' 'RELRO' "$head"
need 'FLAGS_1.*\<NOW\>' 'binding at start: RELRO is partial' "$dynamic"
need 'GNU_STACK.* RW +0x' 'stack without execution' "$head"
refuse 'LOAD.* RWE ' 'memory that is both written and executed' "$head"
refuse 'TEXTREL' 'code that is relocated, so that it has to be writable' "$dynamic"
refuse 'R(UN)?PATH.*\[(|.*:|:.*|.*::.*|[^/$].*)\]' 'a library path with the current folder in it' "$dynamic"
need '__stack_chk_fail' 'stack protector' "$symbols"
need '__(memcpy|snprintf|vsnprintf)_chk' 'fortified libc call' "$symbols"
case $head in
*X86-64*)
    need 'endbr64' 'endbr64 where main begins' "$(objdump --disassemble=main "$binary" | grep -A1 '<main>:')"
    ;;
esac
exit $missing
