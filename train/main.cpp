#include "train/cli.h"

int main(int argc, char** argv) {
  return orchid::train::run_cli(argc, argv);
}
