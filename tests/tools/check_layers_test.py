#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/check_layers.py on small trees: each rule finds its violation, at its line, and nothing else."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
sys.dont_write_bytecode = True

import check_layers  # noqa: E402 (the path comes first)

LICENCE = "/* SPDX-License-Identifier: Apache-2.0 */\n"


def header(path, body=""):
    guard = "WEIR_" + path.removeprefix("src/").upper().replace("/", "_").replace(".", "_")
    return f"{LICENCE}#ifndef {guard}\n#define {guard}\n{body}#endif\n"


class CheckLayers(unittest.TestCase):
    def check(self, files, allowed=None, compile_headers=False):
        """The findings in a tree of {path: text} as a list of (path, line, rule)."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, text in files.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            checker = check_layers.Checker(root, allowed or {})
            checker.run()
            if compile_headers:
                checker.check_headers_alone("gcc", [])
            return [(path, line, rule) for path, line, rule, _ in checker.findings]

    def includes(self, path, *included):
        """The rules that a file breaks by including these, one line each from line 2."""
        text = LICENCE + "".join(f"#include {name}\n" for name in included)
        return self.check({path: text})

    def test_accepts_every_arrow_that_points_down(self):
        for path, name in (
            ("src/main.c", "cmd/cmd.h"),
            ("src/cmd/serve.c", "control/config/load.h"),
            ("src/cmd/load.c", "load/run.h"),
            ("src/control/config/load.c", "pipeline/route/route.h"),
            ("src/govern/limit.c", "pipeline/ports.h"),
            ("src/pipeline/flow.c", "pipeline/route/route.h"),
            ("src/pipeline/route/route.c", "pipeline/request.h"),
            ("src/pipeline/route/route.c", "pipeline/route/route_int.h"),
            ("src/pipeline/route/route.c", "lib/http/http.h"),
            ("src/load/run.c", "lib/sys/loop.h"),
            ("src/lib/http/http.c", "lib/base/slice.h"),
            ("src/lib/http/http.c", "lib/http/scan.h"),
        ):
            self.assertEqual(self.includes(path, f'"{name}"'), [], (path, name))

    def test_refuses_arrows_that_point_up_or_sideways(self):
        for path, name in (
            ("src/lib/http/http.c", "pipeline/request.h"),
            ("src/lib/http/http.c", "lib/json/json.h"),
            ("src/lib/base/text.c", "lib/sys/clock.h"),
            ("src/load/run.c", "pipeline/request.h"),
            ("src/pipeline/route/route.c", "pipeline/infer/infer.h"),
            ("src/pipeline/route/route.c", "control/config/load.h"),
            ("src/pipeline/flow.c", "control/config/load.h"),
            ("src/control/config/load.c", "cmd/cmd.h"),
            ("src/control/config/load.c", "govern/limit.h"),
            ("src/helpers/x.c", "lib/base/text.h"),
        ):
            self.assertEqual(self.includes(path, f'"{name}"'), [(path, 2, "layer")], (path, name))

    def test_shared_language_does_not_know_the_stages(self):
        path = "src/pipeline/request.h"
        found = self.check({path: header(path, '#include "pipeline/route/route.h"\n')})
        self.assertEqual(found, [(path, 4, "layer")])

    def test_includes_are_full_paths(self):
        self.assertEqual(self.includes("src/lib/http/http.c", '"scan.h"'), [("src/lib/http/http.c", 2, "path")])

    def test_internal_headers_stay_in_their_folder(self):
        path = "src/pipeline/flow.c"
        self.assertEqual(self.includes(path, '"pipeline/route/route_int.h"'), [(path, 2, "path")])

    def test_system_headers_belong_to_lib_sys(self):
        headers = ("<sys/socket.h>", "<time.h>", "<pthread.h>")
        path = "src/pipeline/accept/accept.c"
        self.assertEqual(sorted(self.includes(path, *headers)), [(path, n, "system") for n in (2, 3, 4)])
        self.assertEqual(self.includes("src/lib/sys/loop.c", *headers), [])

    def test_only_the_door_of_onnx_runtime_opens_a_library(self):
        self.assertEqual(self.includes("src/pipeline/infer/ort.c", "<onnxruntime_c_api.h>", "<dlfcn.h>"), [])
        path = "src/pipeline/infer/registry.c"
        self.assertEqual(self.includes(path, "<dlfcn.h>"), [(path, 2, "system")])

    def test_a_third_party_header_has_one_door(self):
        found = self.check(
            {
                "src/lib/image/jpeg.c": LICENCE + "#include <stdio.h>\n#include <jpeglib.h>\n",
                "src/lib/image/png.c": LICENCE + "#include <jpeglib.h>\n",
            }
        )
        self.assertEqual(found, [("src/lib/image/png.c", 2, "door")])

    def test_a_door_is_not_a_header(self):
        path = "src/lib/image/jpeg.h"
        self.assertEqual(self.check({path: header(path, "#include <jpeglib.h>\n")}), [(path, 4, "door")])

    def test_yyjson_is_handed_on_by_lib_json_only(self):
        path = "src/lib/json/json.h"
        self.assertEqual(self.check({path: header(path, "#include <yyjson.h>\n")}), [])
        self.assertEqual(self.includes("src/pipeline/x/x.c", "<yyjson.h>"), [("src/pipeline/x/x.c", 2, "door")])

    def test_every_header_compiles_alone(self):
        good, bad = "src/lib/base/good.h", "src/lib/base/bad.h"
        tree = {good: header(good, "int f(void);\n"), bad: header(bad, "uint8_t f(void);\n")}
        found = self.check(tree, compile_headers=True)
        self.assertEqual(found, [(bad, 4, "alone")])

    def test_guards_are_named_after_the_path(self):
        path = "src/lib/base/x.h"
        found = self.check({path: LICENCE + "#ifndef X_H\n#define X_H\n#endif\n"})
        self.assertEqual(found, [(path, 2, "guard")])
        self.assertEqual(self.check({path: LICENCE + "int f(void);\n"}), [(path, 1, "guard")])

    def test_the_licence_line_comes_first(self):
        found = self.check({"src/main.c": "int x;\n", "tests/unit/x_test.c": "\n", "tools/x.sh": "#!/bin/sh\nexit\n"})
        self.assertEqual(found, [(p, 1, "spdx") for p in ("src/main.c", "tests/unit/x_test.c", "tools/x.sh")])

    def test_finds_postponed_work_in_code_and_comments(self):
        found = self.check({"src/main.c": LICENCE + "\n/* TODO later */\nint XXX;\nchar *t = \"XXXXXX\";\n"})
        self.assertEqual(found, [("src/main.c", 3, "text"), ("src/main.c", 4, "text")])

    def test_finds_forbidden_calls_but_not_their_names_in_prose(self):
        text = LICENCE + '/* not strcpy() */\nint a = atoi(s);\nint b = snprintf(s, 1, "gets(");\nint c = x.gets(s);\n'
        self.assertEqual(self.check({"src/main.c": text}), [("src/main.c", 3, "text")])

    def test_long_functions_and_files_are_found(self):
        body = "    x++;\n"
        short = f"void f(void)\n{{\n{body * 98}}}\n"
        long = f"void g(void)\n{{\n{body * 99}}}\n"
        self.assertEqual(self.check({"src/main.c": LICENCE + short}), [])
        self.assertEqual(self.check({"src/main.c": LICENCE + long}), [("src/main.c", 3, "size")])
        self.assertEqual(self.check({"src/main.c": LICENCE + "\n" * 600}), [("src/main.c", 600, "size")])

    def test_an_exception_excuses_its_finding_and_no_other(self):
        text = LICENCE + "#include <time.h>\n#include <poll.h>\n"
        row = ("src/main.c", "system", "time.h")
        self.assertEqual(self.check({"src/main.c": text}, {row: "why"}), [("src/main.c", 3, "system")])

    def test_an_exception_that_excuses_nothing_must_go(self):
        row = ("src/main.c", "system", "time.h")
        self.assertEqual(self.check({"src/main.c": LICENCE}, {row: "why"}), [("src/main.c", 1, "allowed")])


if __name__ == "__main__":
    unittest.main()
