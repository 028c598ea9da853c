"""The page in a real browser: what is seen, folding, choosing, and the way from text to layers and back."""

from __future__ import annotations

from typing import Any

from support.pages import drawn, lines, row

# --- what is seen ---


def test_the_header_and_the_diagram(page_of: Any) -> None:
    page = page_of("resnet50")
    assert page.text("h1") == "ResNet-50"
    totals = page.text("#totals")
    assert "1 (stem) + 48 (16 blocks × 3) + 1 (fc) = 50" in totals
    assert "25,557,032" in totals and "4,089,184,256" in totals
    assert "16, equal at every input size" in totals
    assert drawn(page, ".unit.block") == 16
    assert drawn(page, ".block > .shortcut.projection") == 4
    assert drawn(page, ".block > .shortcut.identity") == 12
    assert drawn(page, ".title") == 4
    legend = page.text("#legend")
    assert "identity shortcut" in legend and "projection shortcut" in legend


def test_a_projection_is_dotted_and_an_identity_solid(page_of: Any) -> None:
    page = page_of("resnet18")
    dashes = "node => getComputedStyle(node).strokeDasharray"
    assert page.page.locator("#canvas .shortcut.projection").first.evaluate(dashes) != "none"
    assert page.page.locator("#canvas .shortcut.identity").first.evaluate(dashes) == "none"


def test_boxes_of_the_diagram_do_not_overlap(page_of: Any) -> None:
    """Units are apart from each other, labels stay in their boxes, and letters do not meet."""
    for name in ("resnet18", "resnet50", "variant", "odd"):
        page = page_of(name)
        for label in ("open-stages", "fold-all", "unfold-all"):
            page.page.locator(f"#{label}").click()
            assert (
                page.page.evaluate(
                    """() => {
                    const box = (node) => node.getBoundingClientRect();
                    const wrong = [];
                    const apart = (nodes) => {
                        const all = nodes.map(box);
                        for (let a = 0; a < all.length; a += 1) for (let b = a + 1; b < all.length; b += 1) {
                            const [p, q] = [all[a], all[b]];
                            if (p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1)
                                wrong.push(`${nodes[a].textContent} over ${nodes[b].textContent}`);
                        }
                    };
                    const all = (selector) => [...document.querySelectorAll(selector)];
                    apart(all("#canvas .unit > .box:last-of-type, #world > g > .pill rect"));
                    apart(all("#canvas .layer > .box, #canvas .layer circle, .open .pill rect"));
                    for (const text of all("#canvas .unit text, #canvas .layer text")) {
                        const [inner, outer] = [box(text), box(text.parentNode.querySelector("rect"))];
                        if (inner.width && (inner.left < outer.left - 1 || inner.right > outer.right + 1))
                            wrong.push(`${text.textContent} leaves its box`);
                    }
                    return wrong;
                }"""
                )
                == []
            ), label


# --- folding ---


def test_blocks_and_stages_fold_and_unfold(page_of: Any) -> None:
    page = page_of("resnet50")
    before = drawn(page, ".layer")
    page.page.locator('#canvas [data-fold="part:layer2.0"]').click()
    assert drawn(page, '.open[data-key="part:layer2.0"]') == 1
    assert drawn(page, ".layer") == before + 12
    assert row(page, "layer2.0").get_attribute("aria-expanded") == "true"
    assert row(page, "downsample.0").is_visible()
    page.page.locator('#canvas [data-fold="part:layer2.0"]').click()
    assert drawn(page, ".layer") == before
    page.page.locator('#canvas [data-fold="stage:layer2"]').click()
    assert drawn(page, '.unit.stage[data-key="stage:layer2"]') == 1
    assert "×4" in page.page.locator('#canvas [data-key="stage:layer2"]').text_content()
    page.page.locator("#fold-all").click()
    assert drawn(page, ".unit.stage") == 4 and drawn(page, ".unit.block") == 2


def test_unfolding_keeps_the_place_in_the_window(page_of: Any) -> None:
    page = page_of("resnet50")
    fold = '#canvas [data-fold="part:layer3.2"]'
    before = page.page.locator(fold).bounding_box()
    page.page.locator(fold).click()
    after = page.page.locator(fold).bounding_box()
    assert abs(before["x"] - after["x"]) < 40 and abs(before["y"] - after["y"]) < 40


def test_a_thousand_layers(page_of: Any) -> None:
    """Of the largest network only what is in the window is in the page, and everything can be unfolded."""
    page = page_of("preact_resnet1001")
    assert drawn(page, ".unit.stage") == 3, "folded at first"
    page.page.locator("#unfold-all").click()
    assert drawn(page, ".unit.open") == 335
    assert page.page.locator("#rows .row").count() < 100
    for _ in range(12):
        page.page.locator("#zoom-in").click()
    page.page.wait_for_function(
        "() => { const n = document.querySelectorAll('#canvas .layer').length; return 0 < n && n < 600; }"
    )
    assert page.page.evaluate("document.querySelectorAll('*').length") < 6000


# --- choosing ---


def test_a_click_on_a_layer_shows_all_of_it(page_of: Any) -> None:
    page = page_of("resnet50")
    page.page.locator('#canvas [data-fold="part:layer2.0"]').click()
    page.page.locator('#canvas [data-key="layer:layer2.0.conv2"]').click()
    assert page.chosen() == "layer2.0.conv2"
    shown = page.text("#selection")
    for text in (
        "3×3 conv, 128, /2",
        "128 × 56 × 56",
        "128 × 28 × 28",
        "128 × ⌊(H + 3)/4⌋ × ⌊(W + 3)/4⌋",
        "128 × ⌊(H + 7)/8⌋ × ⌊(W + 7)/8⌋",
        "147,456",
        "115,605,504",
        "392 KiB",
        "layer2.0.conv2.weight",
        "128 × 128 × 3 × 3",
        "specs/blocks/bottleneck.yaml:26",
        "specs/imagenet/resnet50.yaml:14",
    ):
        assert text in shown, text
    assert "layer2.0.conv2: 3×3 conv" in page.text("#status")
    (line,) = lines(page, "spec")
    assert line.startswith("- conv2: {conv: {out: inner, kernel: 3, stride: stride")
    assert any(
        text.startswith("- layer2: {block: bottleneck") for text in lines(page, "spec", "around")
    )
    page.page.locator("#tab-source").click()
    assert lines(page, "source") == [
        "self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)",
        "x = self.relu(self.bn2(self.conv2(x)))",
    ]
    marked = page.page.locator("#source .line.near").first
    assert marked.evaluate(
        "node => { const a = node.getBoundingClientRect(), b = node.closest('.pane').getBoundingClientRect();"
        " return a.top >= b.top && a.bottom <= b.bottom; }"
    ), "in sight"


def test_an_add_shows_its_proof(page_of: Any) -> None:
    page = page_of("resnet18")
    page.page.locator("#tab-adds").click()
    assert "8 residual adds: both sides are equal at every input size." in page.text("#adds")
    page.page.locator("#adds button", has_text="layer3.0.add").click()
    assert page.chosen() == "layer3.0.add"
    assert "Residual add: equal at every input size" in page.text("#selection .proof")
    assert page.text("#selection .proof").count("256 × ⌊(H + 15)/16⌋ × ⌊(W + 15)/16⌋") == 2


def test_from_a_line_of_the_spec_to_layers_and_back(page_of: Any) -> None:
    """Through a variant, its base, the base's base, and the files of blocks."""
    page = page_of("variant")
    names = page.page.locator("#spec h3").all_text_contents()
    assert [name.rsplit("/", 1)[-1] for name in names] == [
        *("variant.yaml", "seresnet50.yaml", "resnet50.yaml", "resnet50.yaml"),
        *("bottleneck.yaml", "squeeze_excite.yaml"),
    ]
    page.page.locator("#spec .line", has_text="- fc1: {").click()
    assert page.chosen() == "specs/blocks/squeeze_excite.yaml:8"
    assert "18 layers come from this line" in page.text("#selection")
    assert drawn(page, ".block.lit") == 18
    page.page.locator("#selection .names button").nth(2).click()
    assert page.chosen() == "layer1.2.se.fc1"
    assert drawn(page, '.layer.chosen[data-key="layer:layer1.2.se.fc1"]') == 1, "unfolded to it"
    page.page.locator("#selection button", has_text="resnet50.yaml:13").click()
    page.page.locator("#spec .line", has_text="- layer3: {block: bottleneck").click()
    assert "130 layers come from this line" in page.text("#selection")
    assert drawn(page, '.block.lit[data-key^="part:layer3."]') == 8
    assert drawn(page, '.block.lit[data-key^="part:layer2."]') == 0
    page.page.locator("#spec .line", has_text="stages: {layer3: {depth: 8}}").click()
    assert "130 layers come from this line" in page.text("#selection")
    page.page.locator("#selection .names button", has_text="layer3.0.conv2").click()
    assert "stages: {layer3: {depth: 8}}" in lines(page, "spec", "around")


def test_from_a_line_of_the_source_to_layers(page_of: Any) -> None:
    page = page_of("resnet50")
    page.page.locator("#tab-source").click()
    page.page.locator("#source .line", has_text="self.bn3 = ").click()
    assert "16 layers come from this line" in page.text("#selection")
    page.page.locator(
        "#source .line", has_text="*(Bottleneck(1024, 256, 1024) for _ in range(5)),"
    ).click()
    assert drawn(page, ".block.lit") == 5
    assert drawn(page, '.block.lit[data-key="part:layer3.0"]') == 0
    page.page.locator("#source .line", has_text="def forward_features").click()
    assert "no layer comes from this line" in page.text("#selection")


def test_search(page_of: Any) -> None:
    page = page_of("resnet50")
    page.page.keyboard.press("/")
    page.page.keyboard.type("layer3.4 conv")
    results = page.page.locator("#results [role=option]")
    assert results.all_text_contents() == [
        "layer3.4.conv11×1 conv, 256",
        "layer3.4.conv23×3 conv, 256",
        "layer3.4.conv31×1 conv, 1024",
    ]
    assert page.text("#status") == "3 results"
    page.page.keyboard.press("ArrowDown")
    assert results.nth(1).get_attribute("aria-selected") == "true"
    page.page.keyboard.press("Enter")
    assert page.chosen() == "layer3.4.conv2"
    assert drawn(page, '.layer.chosen[data-key="layer:layer3.4.conv2"]') == 1
    page.page.locator("#search").fill("no such layer")
    assert page.text("#results") == "no such name"
    page.page.keyboard.press("Escape")
    assert not page.page.locator("#results").is_visible()


def test_charts_have_bars_and_a_table(page_of: Any) -> None:
    page = page_of("resnet18")
    page.page.locator("#tab-charts").click()
    assert page.page.locator("#charts .bar-box").count() == 3 * 6
    figures = page.page.locator("#charts .chart").all()
    said = [figure.get_attribute("aria-label") for figure in figures]
    assert said[0].startswith("Parameters by stage: stem 9.54 k, layer1 148 k")
    page.page.locator("#charts summary").click()
    cells = page.page.locator("#charts tbody tr").nth(4).locator("th, td").all_text_contents()
    assert cells[:3] == ["layer4", "8,393,728", "411,041,792"]
    widths = page.page.locator("#charts figure").first.locator("rect")
    lengths = [float(bar.get_attribute("width")) for bar in widths.all()]
    assert lengths.index(max(lengths)) == 4
