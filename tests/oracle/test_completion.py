"""Completion in the shells that people have, and the manual page in the programs that read it. All of it is written by the program from its
own table of options, so a verb or option that is missing here is missing there."""

import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest


def needs(program):
    if shutil.which(program) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{program} is not installed")
        pytest.skip(f"{program} is not installed")


@pytest.fixture(scope="module")
def scripts(litesmith, tmp_path_factory):
    folder = tmp_path_factory.mktemp("completion")
    (folder / "bin").mkdir()
    (folder / "bin" / "litesmith").symlink_to(os.path.abspath(litesmith.path))
    for shell, name in (("bash", "litesmith.bash"), ("zsh", "_litesmith"), ("fish", "litesmith.fish")):
        (folder / name).write_text(litesmith.ok("completion", shell))
    (folder / "work").mkdir()
    (folder / "work" / "model.h5").write_text("")
    (folder / "work" / "runs").mkdir()
    return folder


def environment(folder):
    return {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder), "TERM": "xterm"}


def in_bash(folder, line):
    """The completions of the last word, by the function that `complete` names."""
    script = f"""
        source {folder / 'litesmith.bash'}
        COMP_LINE={line!r}; COMP_POINT=${{#COMP_LINE}}
        COMP_WORDS=({line}); [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        $(complete -p litesmith | sed 's/.*-F \\([^ ]*\\).*/\\1/') litesmith
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "--norc", "-c", script], cwd=folder / "work", env=environment(folder), capture_output=True, text=True, timeout=60, check=True)
    assert not done.stderr, done.stderr
    return done.stdout.split()


def in_fish(folder, line):
    script = f"source {folder / 'litesmith.fish'}; complete -C {line!r}"
    done = subprocess.run(["fish", "--no-config", "-c", script], cwd=folder / "work", env=environment(folder), capture_output=True, text=True, timeout=60, check=True)
    assert not done.stderr, done.stderr
    return [row.split("\t")[0] for row in done.stdout.splitlines()]


def in_zsh(folder, line):
    """An interactive zsh: what it lists after two tabs (the screen's text, its escapes taken out)."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder / "work")
        os.execvpe("zsh", ["zsh", "-f", "-i"], environment(folder))
    output = b""

    def until(pattern, seconds=30):
        nonlocal output
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    output += os.read(terminal, 65536)
                except OSError:
                    break
            if re.search(pattern, output):
                return True
        return False

    try:
        # A marker that the echo of the line does not hold.
        os.write(terminal, f"PS1='>> '; LISTMAX=1000; fpath=({folder} $fpath); autoload -U compinit; compinit -u -D; stty cols 200; echo rea''dy\n".encode())
        assert until(b"ready"), output
        time.sleep(0.3)
        output = b""
        os.write(terminal, line.encode() + b"\t\t")
        until(b"@@never@@", 2)
        text = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]", b"", output).decode(errors="replace")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)
    return re.findall(r"[^\s]+", text)


SHELLS = {"bash": in_bash, "zsh": in_zsh, "fish": in_fish}


@pytest.mark.parametrize("shell", SHELLS)
class TestShells:
    def complete(self, shell, scripts, line):
        needs(shell)
        return SHELLS[shell](scripts, line)

    def test_verbs(self, shell, scripts):
        names = self.complete(shell, scripts, "litesmith co")
        assert {"compare", "convert"} <= set(names)
        # Hidden ones stay hidden.
        assert "completion" not in names and "man" not in names

    def test_options_of_the_verb(self, shell, scripts):
        names = self.complete(shell, scripts, "litesmith study --m")
        assert {"--methods", "--metric", "--model"} <= set(names), names
        assert "--flash" not in names

    def test_words(self, shell, scripts):
        names = self.complete(shell, scripts, "litesmith advise --target ")
        assert {"cpu", "mcu", "npu", "edgetpu"} <= set(names), names

    def test_lists_of_words(self, shell, scripts):
        names = self.complete(shell, scripts, "litesmith study --recipes none,prune_c")
        found = {name.split(",")[-1] for name in names}
        assert {"prune_cluster", "prune_cluster_qat"} <= found, names

    def test_what_to_list(self, shell, scripts):
        assert {"recipes", "methods", "ops"} <= set(self.complete(shell, scripts, "litesmith list "))

    def test_files(self, shell, scripts):
        names = self.complete(shell, scripts, "litesmith inspect mod")
        assert any("model.h5" in name for name in names), names

    def test_folders(self, shell, scripts):
        names = self.complete(shell, scripts, "litesmith advise ru")
        assert any("runs" in name for name in names), names


class TestManual:
    def test_no_macro_is_wrong(self, litesmith, tmp_path):
        needs("mandoc")
        page = tmp_path / "litesmith.1"
        page.write_text(litesmith.ok("man"))
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True, check=False, timeout=60)
        said = [line for line in done.stdout.splitlines() if "missing date" not in line]
        assert not said, "\n".join(said[:20])

    def test_it_has_every_verb_option_and_exit_code(self, litesmith, tmp_path):
        needs("groff")
        page = tmp_path / "litesmith.1"
        page.write_text(litesmith.ok("man"))
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", page], capture_output=True, text=True, check=True, timeout=60)
        assert not done.stderr, done.stderr
        text = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", done.stdout)
        text = text.replace("\u2010", "-").replace("\u2212", "-")
        for verb in ("study", "train", "advise", "compare", "inspect", "report"):
            assert f"LITESMITH {verb.upper()}" in text, verb
            for option in re.findall(r"--[a-z-]+", litesmith.ok(verb, "--help")):
                assert option in text, f"{verb} {option}"
        assert re.search(r"^\s+8\s+no file fits", text, re.MULTILINE)
        assert "NO_COLOR" in text
