#include <algorithm>
#include <string_view>

#include "data/synthetic.h"
#include "data/synthetic_words.h"
#include "kernels/core/philox.h"

namespace orchid::data {
namespace {

using Text = std::string_view;

/// Random choices in sequence.
class Dice {
 public:
  Dice(std::uint64_t seed, std::int64_t number)
      : random_(seed, RandomPurpose::synthetic), item_(static_cast<std::uint64_t>(number)) {}

  std::size_t below(std::size_t n) {
    const std::uint32_t word = random_.words(item_, next_ / 4)[next_ % 4];
    ++next_;
    return Philox::below(static_cast<std::uint32_t>(n), word);
  }
  bool chance(int percent) { return below(100) < static_cast<std::size_t>(percent); }
  template <class List>
  const auto& pick(const List& list) {
    return list[below(std::size(list))];
  }

 private:
  Philox random_;
  std::uint64_t item_;
  std::uint64_t next_ = 0;
};

/// What a sentence speaks of: decides agreement and which pronoun stands for it.
struct Phrase {
  std::string text;
  bool plural = false;
};

std::string capitalized(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  return text;
}

bool is_vowel(char c) {
  return Text("aeiou").find(c) != Text::npos;
}

/// "a" or "an" and the word.
std::string with_article(const std::string& words) {
  return (is_vowel(words[0]) ? "an " : "a ") + words;
}

/// Puts a sentence together. Unlike the arguments of a function, operands of << are evaluated
/// from left to right, and the choices they make depend on that order.
class Line {
 public:
  Line& operator<<(Text words) {
    text_ += words;
    return *this;
  }
  operator std::string() const { return text_; }  // NOLINT: conversion is the point

 private:
  std::string text_;
};

/// Writes one document: a few people, a topic, a few things that keep coming back, one tense.
class Author {
 public:
  Author(std::uint64_t seed, std::int64_t number) : dice_(seed, number) {
    topic_ = &dice_.pick(words::topics());
    past_ = dice_.chance(60);
    city_ = dice_.pick(words::cities());
    place_ = dice_.pick(topic_->places);
    while (people_.size() < 3) {
      const words::Name* one = &dice_.pick(words::names());
      if (std::find(people_.begin(), people_.end(), one) == people_.end()) people_.push_back(one);
    }
    for (int i = 0; i < 5; ++i) nouns_.push_back(&dice_.pick(topic_->nouns));
    for (int i = 0; i < 5; ++i) verbs_.push_back(&dice_.pick(topic_->verbs));
    for (int i = 0; i < 4; ++i) adjectives_.push_back(dice_.pick(topic_->adjectives));
    person_ = people_[0];
    thing_ = the_thing();
  }

  std::string write() {
    std::string text = introduction();
    const std::size_t sentences = 5 + dice_.below(26);
    std::size_t until_break = 3 + dice_.below(4);
    for (std::size_t i = 0; i < sentences; ++i) {
      const bool new_paragraph = until_break-- == 0;
      if (new_paragraph) until_break = 3 + dice_.below(4);
      text += new_paragraph ? '\n' : ' ';
      text += capitalized(sentence());
    }
    return text;
  }

 private:
  /// Mostly one of the document's own, sometimes any of the topic.
  const words::Noun& noun() {
    return dice_.chance(80) ? *dice_.pick(nouns_) : dice_.pick(topic_->nouns);
  }
  const words::Verb& verb() {
    return dice_.chance(80) ? *dice_.pick(verbs_) : dice_.pick(topic_->verbs);
  }
  Text adjective() {
    return dice_.chance(80) ? dice_.pick(adjectives_) : dice_.pick(topic_->adjectives);
  }

  Text be(bool plural) const { return past_ ? (plural ? "were" : "was") : plural ? "are" : "is"; }
  Text have(bool plural) const { return past_ ? "had" : plural ? "have" : "has"; }
  Text form(const words::Verb& verb, bool plural) const {
    return past_ ? verb.past : plural ? verb.base : verb.third;
  }
  Text when() { return dice_.pick(past_ ? words::times_past() : words::times_present()); }

  Text they() const { return person_->female ? "she" : "he"; }
  Text them() const { return person_->female ? "her" : "him"; }
  Text their() const { return person_->female ? "her" : "his"; }
  Text themself() const { return person_->female ? "herself" : "himself"; }

  /// The person the text goes on about; others come in now and then.
  std::string name() {
    person_ = dice_.chance(60) ? people_[0] : dice_.pick(people_);
    return std::string(person_->text);
  }
  /// The name, or the pronoun where it is clear who is meant.
  std::string subject() { return dice_.chance(50) ? std::string(they()) : name(); }

  std::string described(Text noun) { return Line() << adjective() << " " << noun; }
  Phrase the_thing() {
    const words::Noun& which = noun();
    const bool plural = dice_.chance(35);
    const Text word = plural ? which.plural : which.singular;
    if (dice_.chance(40)) return {Line() << "the " << described(word), plural};
    return {Line() << "the " << word, plural};
  }
  Phrase thing() {
    const words::Noun& which = noun();
    switch (dice_.below(4)) {
      case 0:
        return {with_article(std::string(which.singular)), false};
      case 1:
        return {with_article(described(which.singular)), false};
      case 2:
        return {Line() << words::kNumbers[2 + dice_.below(9)] << " " << which.plural, true};
      default:
        return the_thing();
    }
  }
  /// A thing as an object; later sentences may call it "it" or "them".
  std::string object() {
    thing_ = thing();
    return thing_.text;
  }

  std::string circumstances() {
    Line line;
    if (dice_.chance(35)) line << " in the " << place_;
    if (dice_.chance(30)) line << " " << when();
    return line;
  }
  std::string action() {
    const std::string who = subject();
    const Text how = dice_.chance(30) ? dice_.pick(words::adverbs()) : Text();
    const Text does = form(verb(), false);
    return Line() << who << (how.empty() ? "" : " ") << how << " " << does << " " << object();
  }

  std::string introduction() {
    const std::string kind = Line() << dice_.pick(words::feelings()) << " " << topic_->person;
    Line line;
    line << people_[0]->text << " " << be(false) << " " << with_article(kind) << " from " << city_
         << ". ";
    line << capitalized(std::string(they())) << (past_ ? " worked" : " works") << " in the "
         << place_ << " with " << people_[1]->text << ".";
    return line;
  }

  std::string sentence() {
    switch (dice_.below(16)) {
      case 0:
        return there_are();
      case 1:
        return sum();
      case 2:
        return Line() << subject() << " " << be(false) << " " << dice_.pick(words::feelings())
                      << " because " << they() << " " << form(verb(), false) << " " << object()
                      << ".";
      case 3:
        return when_clause();
      case 4:
        return said();
      case 5:
        return neither();
      case 6:
      case 7:
        return again();
      case 8:
        return possession();
      case 9:
        return question();
      case 10:
        return comparison();
      case 11:
        return every();
      case 12:
        return list();
      default:
        return action() + circumstances() + ".";
    }
  }

  std::string there_are() {
    thing_ = thing();
    return Line() << "there " << be(thing_.plural) << " " << thing_.text << " in the " << place_
                  << ".";
  }
  std::string sum() {
    const std::size_t had = 2 + dice_.below(8), more = 2 + dice_.below(8);
    const words::Noun& which = noun();
    thing_ = {Line() << "the " << which.plural, true};
    const std::string who = name();
    return Line() << who << " had " << words::kNumbers[had] << " " << which.plural << " and bought "
                  << words::kNumbers[more] << " more, so " << they() << " had "
                  << words::kNumbers[had + more] << " " << which.plural << ".";
  }
  std::string when_clause() {
    const std::string first = Line()
                              << "when " << name() << " " << form(verb(), false) << " " << object();
    return Line() << first << ", " << action() << ".";
  }
  /// Speech is in the present tense, whatever the story is in.
  std::string said() {
    const Phrase what = the_thing();
    thing_ = what;
    const std::string speech = Line()
                               << "\"" << capitalized(what.text) << " "
                               << (what.plural ? "are" : "is") << " " << adjective() << ",\"";
    return Line() << speech << (past_ ? " said " : " says ") << name() << ".";
  }
  std::string neither() {
    const words::Noun &one = noun(), &other = noun();
    return Line() << "neither the " << one.singular << " nor the " << other.singular << " "
                  << be(false) << " " << adjective() << ".";
  }
  /// About the person and the thing of the sentence before.
  std::string again() {
    const Text it = thing_.plural ? "them" : "it";
    switch (dice_.below(3)) {
      case 0:
        return Line() << they() << " " << form(verb(), false) << " " << it << " "
                      << dice_.pick(words::adverbs()) << ".";
      case 1:
        return Line() << (thing_.plural ? "they" : "it") << " " << be(thing_.plural) << " "
                      << adjective() << ", and " << they() << " " << form(verb(), false) << " "
                      << it << ".";
      default:
        return Line() << they() << " " << form(verb(), false) << " " << it << " by " << themself()
                      << ".";
    }
  }
  std::string possession() {
    const words::Noun &one = noun(), &other = noun();
    const std::string who = name();
    return Line() << who << "'s " << one.singular << " " << be(false) << " " << adjective()
                  << ", but " << their() << " " << other.plural << " " << be(true) << " "
                  << adjective() << ".";
  }
  std::string question() {
    const std::string asked = Line() << "who " << form(verb(), false) << " " << object() << "? ";
    return Line() << asked << name() << (past_ ? " did" : " does") << ", and we thanked " << them()
                  << ".";
  }
  std::string comparison() {
    const Phrase one = the_thing(), other = the_thing();
    thing_ = one;
    return Line() << one.text << " " << be(one.plural) << " more " << adjective() << " than "
                  << other.text << ".";
  }
  std::string every() {
    const words::Noun& which = noun();
    switch (dice_.below(3)) {
      case 0:
        return Line() << "every " << which.singular << " in the " << place_ << " " << be(false)
                      << " " << adjective() << ".";
      case 1:
        return Line() << "all the " << which.plural << " in the " << place_ << " " << be(true)
                      << " " << adjective() << ".";
      default:
        return Line() << "one of the " << which.plural << " " << be(false) << " " << adjective()
                      << ", and the others " << be(true) << " " << adjective() << ".";
    }
  }
  std::string list() {
    const std::string who = name();
    const std::string first = object(), second = object();
    return Line() << who << " and " << people_[2]->text << " " << have(true) << " " << first << ", "
                  << second << " and " << object() << ".";
  }

  Dice dice_;
  const words::Topic* topic_;
  bool past_;
  Text city_, place_;
  std::vector<const words::Name*> people_;
  std::vector<const words::Noun*> nouns_;
  std::vector<const words::Verb*> verbs_;
  std::vector<Text> adjectives_;
  const words::Name* person_;  ///< whom "she" or "he" means
  Phrase thing_;               ///< what "it" or "them" means
};

}  // namespace

std::string synthetic_document(std::uint64_t seed, std::int64_t number) {
  return Author(seed, number).write();
}

}  // namespace orchid::data
