#include "train/report/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "kernels/core/error.h"

namespace orchid::train {
namespace {

constexpr double kWidth = 640, kHeight = 260;
constexpr double kLeft = 64, kRight = 16, kTop = 34, kBottom = 30;
constexpr std::size_t kMostPoints = 1000;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string pixel(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

/// Finite points only, and no more than a screen can show: means of equal groups.
Series thinned(const Series& series) {
  Series finite{series.name, {}, {}};
  for (std::size_t i = 0; i < series.y.size(); ++i)
    if (std::isfinite(series.y[i])) {
      finite.x.push_back(series.x[i]);
      finite.y.push_back(series.y[i]);
    }
  const std::size_t group = (finite.y.size() + kMostPoints - 1) / kMostPoints;
  if (group <= 1) return finite;
  Series thin{series.name, {}, {}};
  for (std::size_t begin = 0; begin < finite.y.size(); begin += group) {
    const std::size_t end = std::min(begin + group, finite.y.size());
    double x = 0, y = 0;
    for (std::size_t i = begin; i < end; ++i) x += finite.x[i], y += finite.y[i];
    thin.x.push_back(x / static_cast<double>(end - begin));
    thin.y.push_back(y / static_cast<double>(end - begin));
  }
  return thin;
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(const std::vector<double>& values) {
    for (const double value : values) low = std::min(low, value), high = std::max(high, value);
  }
  /// From `low` to `high` becomes from `begin` to `end`.
  double map(double value, double begin, double end) const {
    return begin + (value - low) / (high - low) * (end - begin);
  }
};

std::string text_element(double x, double y, const char* anchor, const std::string& css,
                         const std::string& text) {
  return str("<text x=\"", pixel(x), "\" y=\"", pixel(y), "\" text-anchor=\"", anchor,
             "\" class=\"", css, "\">", html_escape(text), "</text>\n");
}

std::string line_element(double x1, double y1, double x2, double y2) {
  return str("<line class=\"axis\" x1=\"", pixel(x1), "\" y1=\"", pixel(y1), "\" x2=\"", pixel(x2),
             "\" y2=\"", pixel(y2), "\"/>\n");
}

std::string axes(const Range& x, const Range& y) {
  std::string svg;
  for (const double tick : axis_ticks(y.low, y.high)) {
    const double at = y.map(tick, kHeight - kBottom, kTop);
    svg += line_element(kLeft, at, kWidth - kRight, at);
    svg += text_element(kLeft - 6, at + 4, "end", "label", number(tick));
  }
  for (const double tick : axis_ticks(x.low, x.high)) {
    if (tick < x.low || tick > x.high) continue;
    svg += text_element(x.map(tick, kLeft, kWidth - kRight), kHeight - kBottom + 18, "middle",
                        "label", number(tick));
  }
  return svg;
}

std::string curve(const Series& series, const Range& x, const Range& y, std::size_t index) {
  std::string points;
  for (std::size_t i = 0; i < series.x.size(); ++i)
    points += str(i ? " " : "", pixel(x.map(series.x[i], kLeft, kWidth - kRight)), ",",
                  pixel(y.map(series.y[i], kHeight - kBottom, kTop)));
  std::string svg = str("<polyline class=\"curve curve-", index, "\" points=\"", points, "\"/>\n");
  if (series.x.size() == 1)  // a line of one point shows nothing
    svg += str("<circle class=\"dot-", index, "\" r=\"3\" cx=\"",
               pixel(x.map(series.x[0], kLeft, kWidth - kRight)), "\" cy=\"",
               pixel(y.map(series.y[0], kHeight - kBottom, kTop)), "\"/>\n");
  return svg;
}

}  // namespace

std::string html_escape(const std::string& text) {
  std::string out;
  for (const char c : text) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  return out;
}

std::vector<double> axis_ticks(double low, double high) {
  if (!(high > low)) return {low};
  const double rough = (high - low) / 5;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double nice : {1.0, 2.0, 5.0})
    if (nice * power >= rough * 0.999) {
      step = nice * power;
      break;
    }
  std::vector<double> ticks;
  for (double n = std::ceil(low / step - 1e-9); n * step <= high + step * 1e-9; ++n)
    ticks.push_back(n * step + 0.0);  // -0 becomes 0
  return ticks;
}

std::string svg_chart(const std::string& title, std::vector<Series> series) {
  Range x, y;
  for (Series& one : series) {
    one = thinned(one);
    x.add(one.x);
    y.add(one.y);
  }
  if (!(x.high >= x.low)) return "";
  double margin = (y.high - y.low) * 0.05;
  if (y.high == y.low) margin = y.low == 0 ? 1 : std::abs(y.low);
  y.low -= margin;
  y.high += margin;
  if (x.high == x.low) x.low -= 1, x.high += 1;

  std::string svg = str("<svg viewBox=\"0 0 ", kWidth, " ", kHeight, "\" role=\"img\">\n");
  svg += text_element(kLeft, 20, "start", "title", title);
  svg += axes(x, y);
  double legend = kWidth - kRight;
  for (std::size_t i = series.size(); i-- > 0;) {
    if (series[i].x.empty()) continue;
    svg += curve(series[i], x, y, i);
    const std::string text = series[i].name + " " + number(series[i].y.back());
    svg += text_element(legend, 20, "end", str("legend-", i), text);
    legend -= 7.5 * static_cast<double>(text.size()) + 16;
  }
  return svg + "</svg>\n";
}

}  // namespace orchid::train
