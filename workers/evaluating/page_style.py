"""The style sheet of the report's page, in light and dark colors, also for print."""

from workers.evaluating.canvas import DARK, FAMILY, LIGHT, color_rules

_LIGHT = (
    "--paper:#fff;--back:#f5f6f9;--ink:#1f2430;--muted:#667085;--edge:#e3e6ec;"
    "--good:#0d7a5c;--bad:#b3261e;--warn:#9a6700"
)
_DARK = (
    "--paper:#14171e;--back:#0d0f14;--ink:#e8ebf1;--muted:#9aa4b6;--edge:#2b313d;"
    "--good:#43cfa4;--bad:#ff8a80;--warn:#e8b44c"
)

_RULES = f"""
*{{box-sizing:border-box}}
body{{margin:0;background:var(--back);color:var(--ink);font:16px/1.55 {FAMILY}}}
main{{max-width:980px;margin:0 auto;padding:32px 20px 64px}}
h1{{font-size:28px;line-height:1.25;margin:0 0 16px}}
h2{{font-size:18px;margin:0 0 12px}}
h2 small{{font-weight:400;color:var(--muted);font-size:14px;margin-left:6px}}
.kicker{{color:var(--muted);font-size:13px;letter-spacing:.04em;margin:0 0 4px}}
dl{{display:flex;flex-wrap:wrap;gap:6px 28px;margin:0 0 24px}}
dt{{color:var(--muted);font-size:13px}}
dd{{margin:0;font-weight:600}}
section{{background:var(--paper);border:1px solid var(--edge);border-radius:12px;padding:22px 26px;margin:0 0 18px}}
.verdict{{border-left:5px solid var(--muted)}}
.verdict.better{{border-left-color:var(--good)}}
.verdict.worse{{border-left-color:var(--bad)}}
.verdict p{{margin:0 0 10px}}
.verdict p:last-child{{margin:0}}
.lead{{font-size:19px;line-height:1.45;font-weight:600}}
.warnings{{border-left:5px solid var(--warn)}}
.warnings ul{{margin:0;padding-left:20px}}
figure{{margin:0 0 22px}}
figure svg{{display:block;width:100%;height:auto}}
figcaption,.note,.reading{{color:var(--muted);font-size:14px}}
.reading p{{margin:0 0 10px}}
.scroll{{overflow-x:auto}}
table{{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}}
th,td{{text-align:right;padding:8px 7px;border-bottom:1px solid var(--edge);vertical-align:top}}
thead th{{color:var(--muted);font-weight:600;font-size:13px}}
th:first-child{{text-align:left}}
td span{{display:block;font-size:12px;white-space:nowrap;color:var(--muted)}}
td .better{{color:var(--good)}}
td .worse{{color:var(--bad)}}
td.none{{color:var(--muted);font-size:12px}}
@media print{{body{{background:none}}section{{break-inside:avoid}}}}
"""

STYLE = (
    f":root{{color-scheme:light dark;{_LIGHT}}}@media (prefers-color-scheme:dark){{:root{{{_DARK}}}}}"
    f"{_RULES}{color_rules(LIGHT)}@media (prefers-color-scheme:dark){{{color_rules(DARK)}}}"
).replace("\n", "")
