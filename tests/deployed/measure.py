"""Each function's cold start and memory, as it was built: what memory and timeouts in the template are chosen by.

A cold start is measured as Lambda does it: from starting the binary until it asks the Runtime API for its first event, here a page
of our own. Memory is the most that the emulator's process of a function has held at once, after the work of the test.
"""

import http.server
import pathlib
import statistics
import subprocess
import threading
import time

RUNS = 5
STARTS_WITHIN_SECONDS = 30


def report(stack):
    """Prints a table: one row a function."""
    peaks = peaks_by_function(stack)
    columns = ("binary", "cold start", "processor", "after init", "after work", "given")
    print("\n  " + "".join([f"{'function':22}", *(f"{column:>12}" for column in columns)]))
    for name, physical in sorted(stack.deployed_functions().items()):
        ask = stack.aws("lambda").get_function_configuration
        configuration = ask(FunctionName=physical, Qualifier="live")
        binary = pathlib.Path(stack.template["Resources"][name]["Properties"]["CodeUri"]) / "bootstrap"
        starts = [cold_start(stack, binary, configuration) for _ in range(RUNS)]
        milliseconds, processor = (statistics.median(start[part] for start in starts) for part in (0, 1))
        init_kib = max(start[2] for start in starts)
        row = (
            f"{binary.stat().st_size / 1e6:.1f} MB",
            f"{milliseconds:.0f} ms",
            f"{processor:.0f} ms",
            f"{init_kib / 1024:.1f} MB",
            f"{peaks[physical] / 1024:.1f} MB" if physical in peaks else "-",
            f"{configuration['MemorySize']} MB",
        )
        print("  " + "".join([f"{name:22}", *(f"{cell:>12}" for cell in row)]))


def peaks_by_function(stack):
    """The most memory, in KiB, that a process of each function has held: those that the emulator keeps warm."""
    peaks = {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            variables = dict(
                variable.split("=", 1)
                for variable in (process / "environ").read_text("utf-8", "replace").split("\0")
                if "=" in variable
            )
            kib = peak_kib(process)
        except (OSError, PermissionError):
            continue
        if variables.get("AWS_ENDPOINT_URL") == stack.aws.emulator.endpoint and "_HANDLER" in variables:
            name = variables["AWS_LAMBDA_FUNCTION_NAME"]
            peaks[name] = max(kib, peaks.get(name, 0))
    return peaks


def peak_kib(process):
    for line in (process / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def cold_start(stack, binary, configuration):
    """Until the first event is asked for: milliseconds, those of a processor among them, and the most KiB held."""
    asked = threading.Event()

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.set()
            # Lambda answers when there is an event; here there is none, and the process ends meanwhile.
            threading.Event().wait(STARTS_WITHIN_SECONDS)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        **stack.aws.emulator.environment,
        **configuration["Environment"]["Variables"],
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_address[1]}",
        "AWS_LAMBDA_FUNCTION_NAME": configuration["FunctionName"],
        "AWS_LAMBDA_FUNCTION_VERSION": configuration["Version"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
        "AWS_LAMBDA_LOG_STREAM_NAME": "measured",
        "_HANDLER": "bootstrap",
    }
    began = time.monotonic()
    process = subprocess.Popen(
        [binary], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        if not asked.wait(STARTS_WITHIN_SECONDS):
            raise RuntimeError(f"{binary} did not ask for an event within {STARTS_WITHIN_SECONDS} s")
        milliseconds, own = (time.monotonic() - began) * 1000, pathlib.Path("/proc") / str(process.pid)
        # The first number is nanoseconds on a processor: what is left of a start when the machine has nothing else to do.
        processor = sum(int(thread.read_text().split()[0]) for thread in own.glob("task/*/schedstat")) / 1e6
        return milliseconds, processor, peak_kib(own)
    finally:
        process.kill()
        process.wait()
        server.shutdown()
