#include "train/report/page.h"

#include "train/report/chart.h"

namespace orchid::train {
namespace {

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --back: #ffffff; --text: #1b1f24; --faint: #6a737d;
  --line: #d9dee3; --a: #0b62c4; --b: #c2410c; --c: #15803d; --d: #8b2fc9; --e: #a16207; }
@media (prefers-color-scheme: dark) { :root { --back: #14171a; --text: #e6e9ec; --faint: #9aa4ae;
  --line: #30363c; --a: #6cb2ff; --b: #ffa061; --c: #5fd38a; --d: #cf9bff; --e: #e8c04f; } }
body { background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif;
  margin: 2rem auto; max-width: 84rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .2rem; } .sub { color: var(--faint); margin: 0 0 1.5rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1.5rem; }
svg { width: 100%; height: auto; font-size: 12px; } svg text { fill: var(--text); }
svg .title { font-weight: 600; font-size: 14px; } svg .label { fill: var(--faint); }
.axis { stroke: var(--line); stroke-width: 1; }
.curve { fill: none; stroke-width: 1.8; stroke: var(--faint); }
.curve-0 { stroke: var(--a); } .curve-1 { stroke: var(--b); } .curve-2 { stroke: var(--c); }
.curve-3 { stroke: var(--d); } .curve-4 { stroke: var(--e); }
.dot-0 { fill: var(--a); } .dot-1 { fill: var(--b); } .dot-2 { fill: var(--c); }
.dot-3 { fill: var(--d); } .dot-4 { fill: var(--e); }
svg .legend-0 { fill: var(--a); } svg .legend-1 { fill: var(--b); } svg .legend-2 { fill: var(--c); }
svg .legend-3 { fill: var(--d); } svg .legend-4 { fill: var(--e); }
.name-0 { color: var(--a); } .name-1 { color: var(--b); } .name-2 { color: var(--c); }
.name-3 { color: var(--d); } .name-4 { color: var(--e); }
table { border-collapse: collapse; margin: 1.5rem 0; } th { text-align: left; font-weight: 600; }
td, th { padding: .15rem 1.2rem .15rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; }
td:first-child { color: var(--faint); white-space: nowrap; }
.figures td:first-child { color: var(--text); } .figures .number { text-align: right; }
pre { overflow-x: auto; font-size: 13px; }
)";

}  // namespace

std::string html_page(const std::string& title, const std::string& body) {
  return std::string("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n") +
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
         html_escape(title) + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n" + body +
         "</body>\n</html>\n";
}

}  // namespace orchid::train
