#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The figures of a running load test, as a real Prometheus and a real push gateway have them."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import certificates  # noqa: E402
import prometheus  # noqa: E402
import weir  # noqa: E402

OK = 'weir_load_requests_total{job="%s",outcome="ok"}'


class Load:
    """`weir load` beside the test; its exit code is the test's to look at."""

    def __init__(self, *arguments, environment=None):
        self.process = subprocess.Popen([weir.BINARY, "load", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=environment, text=True)

    def metrics_port(self):
        line = self.process.stderr.readline()
        return int(re.search(r"metrics at http://127\.0\.0\.1:(\d+)/metrics", line)[1])

    def finish(self, code=0):
        self.output, self.errors = self.process.communicate(timeout=60 * weir.SLOWNESS)
        assert self.process.returncode == code, (self.process.returncode, self.output, self.errors)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = weir.Server(weir.LIVEZ_CONFIG).start()
        cls.url = "http://127.0.0.1:%d/livez" % cls.server.port

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.remove()

    def test_a_scrape_sees_the_test_run(self):
        with Load("-r", "200", "-c", "4", "-d", "6s", "--max-lag", "1s", "--metrics", "127.0.0.1:0", self.url) as load:
            port = load.metrics_port()
            weir.wait_until(lambda: weir.metrics(port).get("weir_load_elapsed_seconds", 0) >= 2, 20, "the second interval")
            first, now = weir.metrics(port), time.monotonic()
            name = 'weir_load_requests_total{scenario="default",step="GET /livez",outcome="ok"}'
            weir.wait_until(lambda: weir.metrics(port)["weir_load_elapsed_seconds"] >= 4, 20, "the fourth interval")
            second = weir.metrics(port)
            self.assertAlmostEqual(second[name] - first[name], 200 * (second["weir_load_elapsed_seconds"] - first["weir_load_elapsed_seconds"]), delta=60)
            self.assertLess(time.monotonic() - now, 20 * weir.SLOWNESS)
            buckets = [value for key, value in second.items() if key.startswith("weir_load_latency_seconds_bucket")]
            self.assertEqual(buckets, sorted(buckets))
            self.assertEqual(buckets[-1], second[name])
            self.assertEqual(prometheus.check_text(weir.ask(port, "GET", "/metrics").body), "")
            opened = weir.ask(port, "GET", "/metrics", {"Accept": "application/openmetrics-text"})
            self.assertTrue(opened.body.endswith(b"# EOF\n"))
            load.finish()

    def test_agents_are_told_of_and_so_is_the_loss_of_one(self):
        agents = [subprocess.Popen([weir.BINARY, "load", "agent", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True) for _ in range(2)]
        try:
            addresses = ",".join(agent.stdout.readline().removeprefix("listening on ").strip() for agent in agents)
            with Load("-r", "100", "-c", "4", "-d", "20s", "--max-lag", "10s", "--metrics", "127.0.0.1:0", "--agents", addresses, self.url) as load:
                port = load.metrics_port()
                weir.wait_until(lambda: weir.metrics(port).get("weir_load_agents") == 2, 20, "both agents")
                weir.wait_until(lambda: weir.metrics(port)['weir_load_requests_due_total{scenario="default",step="GET /livez"}'] > 50, 20, "their figures")
                self.assertEqual(weir.metrics(port)["weir_load_agents_lost"], 0)
                agents[1].kill()
                weir.wait_until(lambda: weir.metrics(port)["weir_load_agents_lost"] == 1, 20, "the loss")
        finally:
            for agent in agents:
                agent.kill()
                agent.communicate()

    def test_an_address_that_is_taken_is_told(self):
        with Load("-d", "1s", "--metrics", "127.0.0.1:%d" % self.server.port, self.url) as load:
            self.assertIn("something listens on 127.0.0.1:%d already" % self.server.port, load.finish(1).errors)

    def test_prometheus_scrapes_and_takes_remote_write(self):
        port = weir.free_port()
        with prometheus.Prometheus({"scraped": ["127.0.0.1:%d" % port]}) as watcher:
            receiver = watcher.url + "/api/v1/write"
            with Load("-r", "100", "-c", "4", "-d", "8s", "--max-lag", "1s", "-q", "--metrics", "127.0.0.1:%d" % port, "--remote-write", receiver,
                      "--job", "sent", "--label", "zone: a/b", self.url) as load:
                scraped = watcher.wait_for(OK % "scraped", 8)
                self.assertEqual(scraped[0][0]["step"], "GET /livez")
                load.finish()
                self.assertEqual(load.errors, "")
            # Nothing is lost of what is sent: the end of the test is there too.
            labels, value = watcher.wait_for(OK % "sent")[0]
            self.assertEqual((labels["zone"], labels["scenario"], value), ("a/b", "default", 800))
            count = watcher.value('weir_load_latency_seconds_count{job="sent"}')
            self.assertEqual(count, 800)
            self.assertEqual(watcher.value('weir_load_latency_seconds_bucket{job="sent",le="+Inf"}'), 800)
            self.assertGreater(watcher.value('histogram_quantile(0.99, weir_load_latency_seconds_bucket{job="sent"})'), 0)
            # The same series, whichever way they came.
            series = [{tuple(sorted((name, value) for name, value in labels.items() if name not in ("job", "instance", "zone")))
                       for labels in watcher.api("series", **{"match[]": '{__name__=~"weir_load_.*",job="%s"}' % job})}
                      for job in ("scraped", "sent")]
            self.assertGreater(len(series[0]), 100)
            self.assertEqual(series[0], series[1])

    def test_a_push_gateway_keeps_the_end_or_forgets_it(self):
        with prometheus.Pushgateway() as gateway:
            with Load("-r", "50", "-c", "2", "-d", "2s", "--max-lag", "1s", "--push-gateway", gateway.url, "--job", "nightly",
                      "--label", "path: /var/tmp", self.url) as load:
                load.finish()
                self.assertEqual(load.errors, "")
            samples = weir.parse_metrics(gateway.get("/metrics"))
            self.assertEqual(samples['weir_load_requests_total{instance="",job="nightly",outcome="ok",path="/var/tmp",scenario="default",'
                                     'step="GET /livez"}'], 100)
            plan = os.path.join(gateway.folder, "plan.yaml")
            with open(plan, "w", encoding="utf-8") as file:
                file.write("url: %s\nsteps: [GET /livez]\nload: {rate: 50, duration: 3s}\nvalid: {lag: 1s}\n"
                           "export: {gateway: %s, job: passing, delete_at_end: true}\n" % (self.url.replace("/livez", ""), gateway.url))
            with Load(plan) as load:
                weir.wait_until(lambda: 'job="passing"' in gateway.get("/metrics"), 10, "a push")
                load.finish()
            self.assertNotIn('job="passing"', gateway.get("/metrics"))

    def test_a_receiver_that_fails_costs_one_warning(self):
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            mute.listen(8)
            for url, words in (("http://127.0.0.1:9", "no connection"), ("http://127.0.0.1:%d" % mute.getsockname()[1], "no answer in time"),
                               (self.url, "status 404")):
                begin = time.monotonic()
                with Load("-r", "50", "-c", "2", "-d", "1s", "--max-lag", "1s", "--push-gateway", url, self.url) as load:
                    load.finish()
                    self.assertEqual(load.errors.count("warning"), 1, load.errors)
                    self.assertIn("the push gateway at %s does not take the figures: %s" % (url, words), load.errors)
                self.assertLess(time.monotonic() - begin, 1 + 2 + 2 * weir.SLOWNESS)

    def test_a_receiver_may_speak_tls_if_it_is_trusted(self):
        config = """
listen: [{address: "127.0.0.1:0", tls: {certificates: [{cert: %(folder)s/app.pem, key: %(folder)s/app.key}]}}]
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
"""
        with tempfile.TemporaryDirectory() as folder:
            authority = certificates.Authority(folder)
            authority.issue("app", "IP:127.0.0.1")
            with weir.Server(config % {"folder": folder}) as gateway:
                for trusted, words in ((None, "the TLS handshake failed, or the certificate is not trusted"), (authority.path, "status 404")):
                    environment = dict(os.environ, **({"SSL_CERT_FILE": trusted} if trusted else {}))
                    with Load("-r", "50", "-c", "2", "-d", "1s", "--max-lag", "1s", "--push-gateway", "https://127.0.0.1:%d" % gateway.port,
                              self.url, environment=environment) as load:
                        self.assertIn(words, load.finish().errors)


if __name__ == "__main__":
    prometheus.need("prometheus", "promtool", "prometheus-pushgateway")
    unittest.main(verbosity=1)
