#include "train/parallel/gather.h"

#include <bit>
#include <numeric>

namespace orchid::train {

std::vector<std::vector<double>> gather(Communicator& comm, const std::vector<double>& mine,
                                        const std::string& name) {
  if (comm.world() == 1) return {mine};
  const auto rank = static_cast<std::size_t>(comm.rank());
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(comm.world()), 0);
  sizes[rank] = std::ssize(mine);
  comm.reduce(sizes, Reduce::sum, name + " sizes");
  // Each rank fills its place and leaves zeros at the others': the sum is everything.
  std::vector<double> all(
      static_cast<std::size_t>(std::accumulate(sizes.begin(), sizes.end(), 0LL)));
  std::vector<std::vector<double>> parts;
  auto place = all.begin() + std::accumulate(sizes.begin(), sizes.begin() + comm.rank(), 0LL);
  std::copy(mine.begin(), mine.end(), place);
  if (!all.empty()) comm.reduce(all, Reduce::sum, name);
  auto from = all.begin();
  for (const std::int64_t size : sizes) {
    parts.emplace_back(from, from + size);
    from += size;
  }
  return parts;
}

std::string share_text(Communicator& comm, const std::string& text, const std::string& name) {
  std::vector<double> codes;
  if (comm.rank() == 0)
    for (const char c : text) codes.push_back(static_cast<unsigned char>(c));
  std::string shared;
  const std::vector<std::vector<double>> all = gather(comm, codes, name);
  for (const double code : all.front())
    shared += static_cast<char>(static_cast<unsigned char>(code));
  return shared;
}

bool same_on_all(Communicator& comm, std::uint64_t value, const std::string& name) {
  // The largest of a number is its smallest where that of its complement is the complement.
  const auto number = std::bit_cast<std::int64_t>(value >> 1);
  std::vector<std::int64_t> both = {number, -number};
  comm.reduce(both, Reduce::max, name);
  return both[0] == -both[1];
}

}  // namespace orchid::train
