#include "tests/simt/options.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace orchid::simt {
namespace {

Options from_environment() {
  Options options;
  if (const char* lazy = std::getenv("SIMT_LAZY")) options.lazy = std::string(lazy) != "0";
  const char* text = std::getenv("SIMT_ORDER");
  const std::string order = text ? text : "forward";
  if (order == "reverse") {
    options.order = Order::reverse;
  } else if (order.starts_with("random")) {
    options.order = Order::random;
    if (order.starts_with("random:"))
      options.seed = std::strtoull(order.c_str() + std::string("random:").size(), nullptr, 10);
  } else if (order != "forward") {
    std::fprintf(stderr, "SIMT_ORDER: expected forward, reverse or random[:seed], got %s\n", text);
    std::exit(2);
  }
  return options;
}

}  // namespace

Options& options() {
  static Options options = from_environment();
  return options;
}

}  // namespace orchid::simt
