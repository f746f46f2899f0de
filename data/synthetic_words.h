#pragma once

#include <array>
#include <span>
#include <string_view>

namespace orchid::data::words {

/// A verb with an object: "mend", "mends", "mended".
struct Verb {
  std::string_view base, third, past;
};

struct Noun {
  std::string_view singular, plural;
};

/// What a document is about. Only these nouns go with these verbs and adjectives.
struct Topic {
  std::string_view name;
  std::string_view person;  ///< who works there
  std::span<const Noun> nouns;
  std::span<const Verb> verbs;
  std::span<const std::string_view> adjectives;
  std::span<const std::string_view> places;
};

/// All topics; the lists are in synthetic_words.cpp.
std::span<const Topic> topics();

struct Name {
  std::string_view text;
  bool female;
};
std::span<const Name> names();
std::span<const std::string_view> cities();
std::span<const std::string_view> adverbs();
std::span<const std::string_view> times_past();
std::span<const std::string_view> times_present();
std::span<const std::string_view> feelings();

/// zero, one, ... twenty.
constexpr std::array<std::string_view, 21> kNumbers{
    "zero",     "one",     "two",     "three",     "four",     "five",     "six",
    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"};

}  // namespace orchid::data::words
