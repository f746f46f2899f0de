#pragma once

#include <string>

namespace orchid::train {

/// A page that needs no other file, readable in light and dark. `title` is plain text, `body` HTML:
/// what svg_chart draws goes into <div class="charts">, tables of numbers are of class "figures".
std::string html_page(const std::string& title, const std::string& body);

}  // namespace orchid::train
