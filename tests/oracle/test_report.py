"""The report in a real browser, from disk: no error on the console, no request that leaves the file, and what a reader does works."""

import json
import os
import shutil
import sys

import pytest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@pytest.fixture(scope="module")
def study(litesmith, tmp_path_factory):
    """A finished study of four recipes, small enough to take seconds."""
    folder = tmp_path_factory.mktemp("report") / "it's <b>&\"数</b>"
    done = litesmith.call("study", "--data", "digits", "--limit", "300", "--epochs", "1", "--recipes", "none,prune,quant,cluster", "--out", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM or not DRIVER:
        message = "NO chromium AND chromedriver: the report was not opened in a browser"
        if os.environ.get("CI"):
            pytest.fail(message)
        print(message, file=sys.stderr)
        pytest.skip(message)
    from selenium import webdriver

    options = webdriver.chrome.options.Options()
    options.binary_location = CHROMIUM
    for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1400,1000"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.chrome.service.Service(DRIVER))
    yield driver
    driver.quit()


def media(browser, **features):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]})


def open_page(browser, path):
    """Opens it; nothing may be on the console, and nothing asked for but the file and what stands in it."""
    media(browser, prefers_color_scheme="light")
    browser.get_log("performance")
    browser.get(path.resolve().as_uri())
    assert browser.get_log("browser") == []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            assert url.startswith(("file://", "data:")), url
    return browser


def rows(browser, visible=True):
    """Cells of the table's rows as they are read."""
    script = "return Array.from(document.querySelectorAll('#rows tbody tr')).filter(r => !r.hidden || !arguments[0]).map(r => Array.from(r.cells).map(c => c.textContent))"
    return browser.execute_script(script, visible)


def test_page_shows_every_result(browser, study):
    page = open_page(browser, study / "report.html")
    wanted = json.loads((study / "results.json").read_text())
    assert sorted((row[0], row[1]) for row in rows(page)) == sorted((row["recipe"], row["method"]) for row in wanted)
    assert len(wanted) == 24
    assert (study / "report.html").stat().st_size < 1_500_000
    assert page.execute_script("return document.querySelectorAll('#pareto canvas').length") == 4
    assert "Pareto" in page.execute_script("return document.querySelector('#pareto h2').textContent")
    # Text of files is text: the folder's name is in commands and makes no element.
    assert page.execute_script("return document.querySelectorAll('b').length") == page.execute_script("return document.querySelectorAll('.node b').length")
    assert "数" in page.execute_script("return document.querySelector('.command').textContent")
    for attribute in page.execute_script("return Array.from(document.querySelectorAll('*')).flatMap(e => Array.from(e.attributes)).map(a => a.value)"):
        assert "http:" not in attribute and "https:" not in attribute, attribute


def test_plots_are_drawn(browser, study):
    page = open_page(browser, study / "report.html")
    for canvas in ["pareto-file_bytes", "pareto-gzip_bytes", "pareto-latency_us_p50", "pareto-device_bytes", "curves"]:
        inked = page.execute_script(
            "const c = document.getElementById(arguments[0]);"
            "return new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size",
            canvas,
        )
        assert inked > 20, canvas
    # A point under the mouse has its recipe, method and figures on a tooltip.
    title = page.execute_script(
        "const chart = Chart.getChart('pareto-file_bytes'), set = chart.data.datasets[0];"
        "chart.tooltip.setActiveElements([{datasetIndex: 0, index: 0}], {x: 0, y: 0}); chart.update('none');"
        "return chart.tooltip.body[0].lines[0]"
    )
    assert "keras" in title and "bytes" in title


def test_sort_filter_and_copy(browser, study):
    page = open_page(browser, study / "report.html")
    heads = page.find_elements("css selector", "#rows thead button")
    size = next(i for i, head in enumerate(heads) if head.text == "File bytes")
    heads[size].click()
    sizes = [int(row[size]) for row in rows(page)]
    assert sizes == sorted(sizes) and len(set(sizes)) > 1
    heads[size].click()
    assert [int(row[size]) for row in rows(page)] == sorted(sizes, reverse=True)
    assert page.find_element("css selector", "#rows thead th:nth-child(%d)" % (size + 1)).get_attribute("aria-sort") == "descending"
    page.find_element("css selector", "#filter-method option:nth-child(3)").click()
    assert {row[1] for row in rows(page)} == {"fp32"} and len(rows(page)) == 4
    page.find_element("css selector", "#filter-kept option[value=broken]").click()
    assert rows(page) == []
    # The browser's own clipboard needs leave that a headless one has not: what would be copied is asked for.
    page.find_element("css selector", "#filter-kept option[value='']").click()
    page.execute_script("window.copied = []; Object.defineProperty(navigator, 'clipboard', {value: {writeText: async (text) => copied.push(text)}})")
    page.find_element("id", "copy-markdown").click()
    page.find_element("id", "copy-csv").click()
    markdown, csv = page.execute_script("return copied")
    assert markdown.startswith("| Recipe | Method | Accuracy |") and markdown.count("\n") == 2 + 4
    assert csv.startswith("Recipe,Method,Accuracy,") and csv.count("\n") == 1 + 4


def test_tolerance_moves_the_answer(browser, study, litesmith):
    page = open_page(browser, study / "report.html")
    wanted = json.loads((study / "results.json").read_text())
    base = next(row["value"] for row in wanted if row["recipe"] == "none" and row["method"] == "keras")
    # What a CPU runs, in the order in which the adviser prefers it.
    order = ["int8", "uint8", "dynamic", "fp16", "int16x8", "fp32"]
    box = page.find_element("id", "tolerance")
    for tolerance in ["0.5", "0", "30", "100"]:
        box.clear()
        box.send_keys(tolerance)
        allowed = [row for row in wanted if row["method"] in order and 100 * (base - row["value"]) <= float(tolerance) + 1e-9]
        shown = page.find_element("css selector", ".card[data-answer=smallest] .file").text
        path = min(allowed, key=lambda row: (row["file_bytes"], -row["value"], order.index(row["method"]), row["latency_us_p50"]))["path"]
        assert shown == path, tolerance
        # The adviser says the same.
        advice = json.loads(litesmith.ok("advise", study, "--max-drop", tolerance, "--json"))
        assert advice["best"]["path"] == path, tolerance
        fastest = page.find_element("css selector", ".card[data-answer=fastest] .file").text
        assert fastest == min(allowed, key=lambda row: row["latency_us_p50"])["path"], tolerance
        assert page.find_element("css selector", ".card[data-answer=smallest] h3").text == f"Smallest within {tolerance} points"


def test_worst_samples_of_a_regression(browser, litesmith, tmp_path):
    """A task without classes shows its largest errors where others show mistakes."""
    import numpy as np

    rng = np.random.default_rng(5)
    arrays = {}
    for half, count in [("train", 96), ("test", 48)]:
        arrays["x_" + half] = rng.random((count, 28, 28), np.float32)
        arrays["y_" + half] = rng.random((count, 10), np.float32)[:, :10]
    np.savez(tmp_path / "values.npz", **arrays)
    litesmith.ok("study", "--data", f"npz:{tmp_path / 'values.npz'}", "--epochs", "1", "--recipes", "none", "--methods", "fp32,int8", "--out", tmp_path / "run")
    page = open_page(browser, tmp_path / "run" / "report.html")
    assert page.execute_script("return document.getElementById('wrong-title').textContent") == "Worst samples"
    cards = page.execute_script("return Array.from(document.querySelectorAll('#wrong > div')).map(e => [e.textContent, e.querySelector('img') !== null])")
    assert len(cards) == 8 and all("off by" in text and image for text, image in cards)


def test_every_output_has_plots_and_mistakes(browser, litesmith, tmp_path):
    """A model of three outputs: what plots and mistakes go by is chosen on the page."""
    import numpy as np
    from conftest import ROOT

    rng, arrays = np.random.default_rng(5), {}
    for half, count in [("train", 96), ("test", 48)]:
        arrays["x_" + half], arrays[f"x_{half}_1"] = rng.random((count, 3), np.float32), rng.random((count, 4), np.float32)
        arrays["y_" + half], arrays[f"y_{half}_1"] = rng.integers(0, 3, count), rng.random((count, 2), np.float32)
        arrays[f"y_{half}_2"] = np.array(["<b>no</b>", "yes"])[rng.integers(0, 2, count)]
    np.savez(tmp_path / "data.npz", **arrays)
    model = ROOT / "tests" / "golden" / "keras" / "keras3_branches.h5"
    litesmith.ok("study", "--model", model, "--data", f"npz:{tmp_path / 'data.npz'}", "--epochs", "1", "--recipes", "none", "--methods", "fp32,int8", "--out", tmp_path / "run")
    wanted = json.loads((tmp_path / "run" / "results.json").read_text())
    page = open_page(browser, tmp_path / "run" / "report.html")
    assert [option.text for option in page.find_elements("css selector", "#judged option")] == ["Accuracy", "third mse", "first accuracy"]
    page.find_element("css selector", "#judged option[value='1']").click()
    drawn = page.execute_script("return Chart.getChart('pareto-file_bytes').data.datasets[0].data[0].y")
    assert drawn == pytest.approx(wanted[0]["outputs"][0]["value"])
    page.find_element("css selector", "#mistakes-output option[value='1']").click()
    assert page.find_element("id", "wrong-title").text == "Worst samples"
    page.find_element("css selector", "#mistakes-output option[value='2']").click()
    assert "<b>no</b>" in page.find_element("id", "confusion").text
    assert page.get_log("browser") == []


def test_keyboard_selects(browser, study):
    page = open_page(browser, study / "report.html")
    page.execute_script("document.querySelectorAll('#rows tbody tr')[5].focus()")
    from selenium.webdriver.common.keys import Keys

    page.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    page.switch_to.active_element.send_keys(Keys.ENTER)
    chosen = page.execute_script("return Array.from(document.querySelectorAll('#rows tr.selected')).map(r => r.rowIndex - 1)")
    assert chosen == [6]
    for cost in ["file_bytes", "gzip_bytes", "latency_us_p50"]:
        point = page.execute_script("return Chart.getChart(arguments[0]).data.datasets.at(-1).data[0].x", "pareto-" + cost)
        assert point == json.loads((study / "results.json").read_text())[6][cost]


def test_dark_phone_and_print(browser, study):
    page = open_page(browser, study / "report.html")
    light = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    media(page, prefers_color_scheme="dark")
    assert page.execute_script("return getComputedStyle(document.body).backgroundColor") != light
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": True})
    try:
        open_page(page, study / "report.html")
        assert page.execute_script("return document.documentElement.scrollWidth") <= 400
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    pdf = page.execute_cdp_cmd("Page.printToPDF", {})["data"]
    assert len(pdf) > 20_000
    assert page.get_log("browser") == []


def test_unfinished_study(browser, study, litesmith, tmp_path):
    """A page from a folder that lacks files, and from one of a single cell."""
    half = tmp_path / "half"
    shutil.copytree(study, half)
    (half / "prune" / "uint8.tflite").unlink()
    (half / "quant" / "keras.details.json").write_text("{")
    (half / "report.html").unlink()
    done = litesmith.call("report", half)
    assert done.returncode == 0, done.stderr
    page = open_page(browser, half / "report.html")
    assert len(rows(page)) == 23
    assert "1 of 24 files are not there" in page.find_element("css selector", "#table .bad").text
    one = tmp_path / "one"
    done = litesmith.call("study", "--data", "digits", "--limit", "200", "--epochs", "1", "--recipes", "none", "--methods", "uint8", "--out", one)
    assert done.returncode == 0, done.stderr
    assert len(rows(open_page(browser, one / "report.html"))) == 1
    nothing = litesmith.call("report", tmp_path / "nothing")
    assert nothing.returncode == 3 and "nothing" in nothing.stderr
