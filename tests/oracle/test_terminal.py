"""What people see: recorded sessions in tmux at several widths, in a pipe, on a dumb terminal and without colours."""

import json
import os
import re
import shutil
import subprocess
import time

import pytest

if shutil.which("tmux") is None and not os.environ.get("CI"):
    pytest.skip("tmux is not installed", allow_module_level=True)

WIDTHS = (60, 80, 200)


class Session:
    """A tmux server of its own with one window, in which a shell without a prompt runs."""

    def __init__(self, folder, width, height=50, **env):
        self.socket = folder / "tmux"
        self.env = {**os.environ, "LC_ALL": "C.UTF-8", "PS1": "", **env}
        self.env.pop("TMUX", None)
        for name in [name for name, value in env.items() if value is None]:
            self.env.pop(name)
        self.folder = folder
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "-c", str(folder), "bash --norc --noprofile")
        self.tmux("set-option", "-g", "history-limit", "10000")

    def tmux(self, *args):
        done = subprocess.run(["tmux", "-S", self.socket, *args], capture_output=True, text=True, env=self.env, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def send(self, line):
        self.tmux("send-keys", "-l", line)
        self.tmux("send-keys", "Enter")

    def run(self, line, seconds=120):
        """Runs a command; what stands on the screen and above it once it has ended."""
        done = self.folder / "done"
        done.unlink(missing_ok=True)
        self.send(f"PS1=; clear; {line}; echo $? > {done}")
        end = time.monotonic() + seconds
        while not (done.exists() and done.read_text().strip()):
            assert time.monotonic() < end, self.screen()
            time.sleep(0.05)
        time.sleep(0.2)
        self.code = int(done.read_text())
        return self.screen()

    def screen(self, escapes=False):
        text = self.tmux("capture-pane", "-p", "-S", "-", *(["-e"] if escapes else []))
        return [line.rstrip() for line in text.rstrip("\n").split("\n")]

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], env=self.env, capture_output=True, timeout=60, check=False)


@pytest.fixture
def session(tmp_path):
    opened = []

    def open_session(width, **env):
        folder = tmp_path / f"s{len(opened)}"
        folder.mkdir()
        opened.append(Session(folder, width, **env))
        return opened[-1]

    yield open_session
    for each in opened:
        each.close()


@pytest.fixture(scope="module")
def folder(litesmith, tmp_path_factory):
    """A small finished study."""
    out = tmp_path_factory.mktemp("terminal") / "run"
    litesmith.ok("study", "--data", "digits", "--limit", 300, "--epochs", 1, "--recipes", "none,prune*", "--methods", "fp32,*int8", "--out", out)
    return out


def program(litesmith):
    return os.path.abspath(litesmith.path)


@pytest.mark.parametrize("width", WIDTHS)
class TestWidths:
    def test_the_table_fits_and_says_what_is_missing(self, session, litesmith, folder, width):
        window = session(width)
        lines = window.run(f"{program(litesmith)} study --show {folder}")
        text = "\n".join(lines)
        header = next(line for line in lines if "Recipe" in line)
        assert "Accuracy" in header
        # A row is one line: none was broken by the terminal.
        rows = [line for line in lines if re.search(r"\b(none|prune\w*)\s+(fp32|int8)\b", line)]
        assert len(rows) == len({row.split("int8")[0] for row in rows}), text
        dropped = re.search(r"\(no room in (\d+) columns for: (.*)", text)
        assert (dropped is None) == ("Test set" in header), text
        if dropped:
            assert int(dropped[1]) == width
        assert "Test set" in header or width < 200

    def test_help_is_wrapped_at_words(self, session, litesmith, folder, width):
        window = session(width)
        shown = window.run(f"{program(litesmith)} study --help")
        plain = " ".join(" ".join(shown).split())
        wanted = " ".join(litesmith.ok("study", "--help").split())
        assert plain == wanted

    def test_other_verbs_stay_within_the_width(self, session, litesmith, folder, width):
        for command in ("advise --target mcu --flash 10", f"inspect {folder}/none/int8.tflite"):
            window = session(width)
            verb, *rest = command.split()
            line = f"{program(litesmith)} {verb} {folder} {' '.join(rest)}" if verb == "advise" else f"{program(litesmith)} {command}"
            lines = window.run(line)
            # What tmux had to break it joins again with -J: then the lines are the same.
            joined = [each.rstrip() for each in window.tmux("capture-pane", "-p", "-S", "-", "-J").rstrip("\n").split("\n")]
            broken = [each for each in joined if len(each) > width and not each.strip().startswith("litesmith") and str(folder) not in each]
            assert not broken, "\n".join(broken)
            assert lines


class TestProgress:
    def command(self, litesmith, epochs=400):
        return f"{program(litesmith)} train mnist-cnn --data digits --limit 2000 --epochs {epochs} -o m.h5"

    def test_it_stays_one_line_when_the_window_is_resized(self, session, litesmith):
        window = session(120)
        window.send(f"PS1=; clear; {self.command(litesmith, 20000)}")
        for width in (120, 60, 40, 100, 30, 120):
            window.tmux("resize-window", "-x", str(width), "-y", "50")
            time.sleep(0.6)
            # What is on the screen: tmux keeps copies of cleared screens above it.
            lines = [line.rstrip() for line in window.tmux("capture-pane", "-p").split("\n")]
            progress = [line for line in lines if line.startswith("[") and "%]" in line]
            assert len(progress) <= 1, "\n".join(lines[-20:])
            assert all(len(line) < width for line in progress)
        window.tmux("send-keys", "C-c")

    def test_it_says_how_far_how_well_and_how_long(self, session, litesmith):
        window = session(160)
        window.send(f"PS1=; clear; {self.command(litesmith, 20000)}")
        seen = ""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            seen = next((line for line in reversed(window.screen()) if line.startswith("[") and "left" in line), "")
            if seen:
                break
            time.sleep(0.1)
        window.tmux("send-keys", "C-c")
        for part in (r"epoch \d+ of 20000", r"step \d+ of \d+", r"loss [\d.]+", r"accuracy [\d.]+ %", r"samples/s", r"about .* left"):
            assert re.search(part, seen), f"{part}: {seen!r}"

    @pytest.mark.parametrize("term", ["dumb", "xterm"])
    def test_dumb_terminals_and_pipes_get_plain_lines(self, session, litesmith, term):
        window = session(100, TERM=term)
        # tmux sets TERM of its windows itself.
        into = "" if term == "dumb" else "2>&1 | cat"
        window.run(f"TERM={term} script -qec '{self.command(litesmith, 3)} {into}' typescript >/dev/null")
        recorded = (window.folder / "typescript").read_bytes()
        body = b"\n".join(line for line in recorded.split(b"\n") if not line.startswith(b"Script "))
        assert b"\x1b" not in body
        assert b"epoch 3 of 3" in body


class TestColours:
    def test_no_color(self, session, litesmith, folder):
        command = f"{program(litesmith)} study --show {folder}"
        window = session(120)
        window.run(command)
        assert any("\x1b[1m" in line for line in window.screen(escapes=True))
        window.run(f"NO_COLOR=1 {command}")
        assert not any("\x1b[1m" in line for line in window.screen(escapes=True) if "Recipe" in line)

    def test_errors_are_readable_without(self, litesmith):
        done = litesmith.call("train", "nothing", "--data", "digits", "-o", "x.h5")
        assert "\x1b" not in done.stderr and done.stderr.startswith("litesmith: ")


class TestVerbosity:
    def test_quiet_says_nothing_but_the_result(self, litesmith, tmp_path):
        done = litesmith.call("train", "mnist-cnn", "--data", "digits", "--limit", 200, "--epochs", 1, "-q", "-o", tmp_path / "m.h5")
        assert done.returncode == 0 and done.stderr == "" and "trained" in done.stdout
        done = litesmith.call("evaluate", "mnist-cnn", "--data", "digits", "--limit", 100, "--quiet")
        assert done.stderr == ""
        assert litesmith.call("evaluate", "nothing.h5", "--data", "digits", "-q").stderr != ""

    def test_verbose_says_steps_and_cost(self, litesmith, tmp_path):
        done = litesmith.call("train", "mnist-cnn", "--data", "digits", "--limit", 200, "--epochs", 2, "-v", "-o", tmp_path / "m.h5")
        assert re.search(r"\[ +[\d.]+ s\] train: epoch 2 of 2", done.stderr), done.stderr
        assert re.search(r"[\d.]+ MB of memory", done.stderr)


class TestPlan:
    def test_it_says_what_would_run_and_leaves_no_trace(self, litesmith, tmp_path):
        out = tmp_path / "run"
        options = ("--data", "digits", "--limit", 200, "--epochs", 1, "--recipes", "none,prune", "--methods", "fp32,int8", "--out", out)
        plan = json.loads(litesmith.ok("study", *options, "--plan", "--json"))
        assert not out.exists()
        assert plan["missing"] == 4 and plan["seconds"] > 0 and plan["basis"] == "probe"
        assert [each["state"] for each in plan["recipes"]] == ["train", "train"]
        litesmith.ok("study", *options)
        before = sorted((path, path.stat().st_mtime_ns) for path in out.rglob("*"))
        plan = json.loads(litesmith.ok("study", *options, "--plan", "--json"))
        assert plan["missing"] == 0 and all(cell["kept"] for cell in plan["cells"])
        wider = ("--recipes", "none,prune,quant", *options[:6], *options[8:])
        plan = json.loads(litesmith.ok("study", *wider, "--plan", "--json"))
        assert plan["missing"] == 2 and plan["basis"] == "kept"
        assert {each["recipe"]: each["state"] for each in plan["recipes"]} == {"none": "kept", "prune": "kept", "quant": "train"}
        assert sorted((path, path.stat().st_mtime_ns) for path in out.rglob("*")) == before
