#pragma once

#include <string>
#include <vector>

namespace orchid::train {

/// A curve of a chart; points with a value that is not finite are left out.
struct Series {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;
};

/// About five round numbers that cover [low, high], ascending.
std::vector<double> axis_ticks(double low, double high);

/// An SVG element of the curves over their steps, with axes, legend and last values. Colours come
/// from the page's style: classes "axis", "label", "curve-0", "curve-1"...
/// Empty if no series has a point.
std::string svg_chart(const std::string& title, std::vector<Series> series);

/// The text with &, <, > and quotes as HTML needs them.
std::string html_escape(const std::string&);

}  // namespace orchid::train
