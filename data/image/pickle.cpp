#include "data/image/pickle.h"

#include <algorithm>
#include <array>
#include <map>

#include "kernels/core/error.h"

namespace orchid::data {

using Kind = PickleValue::Kind;

namespace {

constexpr std::array<std::string_view, 3> kNames{"numpy.core.multiarray\n_reconstruct",
                                                 "numpy\nndarray", "numpy\ndtype"};

bool is_name(const PickleValue* value, std::string_view name) {
  return value->kind == Kind::name && value->text == name;
}

}  // namespace

/// The stack machine that a pickle is a program for.
class PickleReader {
 public:
  PickleReader(Pickle& pickle, std::string_view text) : pickle_(pickle), text_(text) {}

  void run() {
    while (!done_) {
      start_ = at_;
      step(static_cast<unsigned char>(take(1)[0]));
    }
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(str("byte ", start_, ": ", what), ErrorKind::input_data);
  }

  std::string_view take(std::size_t count) {
    if (count > text_.size() - at_)
      fail(str("expected ", count, " bytes more, got ", text_.size() - at_,
               ": the file is cut off"));
    at_ += count;
    return text_.substr(at_ - count, count);
  }
  std::uint32_t number(std::size_t bytes) {
    std::uint32_t value = 0;
    const std::string_view in = take(bytes);
    for (std::size_t i = 0; i < bytes; ++i)
      value |= static_cast<std::uint32_t>(static_cast<unsigned char>(in[i])) << (8 * i);
    return value;
  }
  std::string_view line() {
    const std::size_t end = text_.find('\n', at_);
    if (end == std::string_view::npos || end - at_ > 200) fail("expected a line of a name");
    return take(end - at_ + 1).substr(0, end - at_);
  }

  PickleValue& make(Kind kind) {
    pickle_.values_.push_back({.kind = kind});
    return pickle_.values_.back();
  }
  PickleValue& push(Kind kind) {
    stack_.push_back(&make(kind));
    return *stack_.back();
  }
  void push_number(std::int64_t value) { push(Kind::integer).number = value; }
  PickleValue* pop() {
    if (stack_.empty() || (!marks_.empty() && marks_.back() == stack_.size()))
      fail("expected a value before it");
    PickleValue* value = stack_.back();
    stack_.pop_back();
    return value;
  }
  /// The values since the mark, which goes too.
  std::vector<const PickleValue*> since_mark() {
    if (marks_.empty()) fail("expected a mark before it");
    std::vector<const PickleValue*> values(
        stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return values;
  }
  PickleValue& top(Kind kind, const char* what) {
    if (stack_.empty() || stack_.back()->kind != kind) fail(str("expected ", what, " before it"));
    return *stack_.back();
  }
  void push_tuple(std::size_t count) {
    std::vector<const PickleValue*> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    push(Kind::tuple).items = std::move(items);
  }

  void global() {
    const std::size_t begin = at_;
    line();
    line();
    const std::string_view name = text_.substr(begin, at_ - 1 - begin);
    if (std::find(kNames.begin(), kNames.end(), name) == kNames.end()) {
      std::string shown(name.substr(0, 100));
      std::replace(shown.begin(), shown.end(), '\n', '.');
      fail(str("it names \"", shown, "\", which is no part of CIFAR-10; nothing was executed"));
    }
    push(Kind::name).text = name;
  }

  void reduce() {
    const PickleValue *arguments = pop(), *name = pop();
    if (name->kind != Kind::name || arguments->kind != Kind::tuple || name->text == kNames[1])
      fail("expected one of numpy's functions and its arguments");
    push(Kind::made).items = {name, arguments};
  }

  void build() {
    const PickleValue* state = pop();
    PickleValue& made = top(Kind::made, "an array or its type");
    if (made.items.size() != 2 || state->kind != Kind::tuple) fail("expected one state, a tuple");
    made.items.push_back(state);
  }

  void set_items(const std::vector<const PickleValue*>& items) {
    PickleValue& dict = top(Kind::dict, "a dict");
    if (items.size() % 2 != 0) fail("expected keys and values in pairs");
    dict.items.insert(dict.items.end(), items.begin(), items.end());
  }

  void get(std::uint32_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) fail(str("expected a value kept as ", key, ", there is none"));
    stack_.push_back(found->second);
  }
  void put(std::uint32_t key) {
    if (stack_.empty()) fail("expected a value to keep");
    memo_[key] = stack_.back();
  }

  void step(unsigned char op);
  bool constant(unsigned char op);
  bool collection(unsigned char op);

  Pickle& pickle_;
  std::string_view text_;
  std::size_t at_ = 0, start_ = 0;
  std::vector<PickleValue*> stack_;
  std::vector<std::size_t> marks_;
  std::map<std::uint32_t, PickleValue*> memo_;
  bool done_ = false;
};

/// Opcodes that push a value of their own.
bool PickleReader::constant(unsigned char op) {
  switch (op) {
    case 'N':
      push(Kind::none);
      return true;
    case 0x88:
    case 0x89:
      push(Kind::boolean).number = op == 0x88;
      return true;
    case 'K':
      push_number(number(1));
      return true;
    case 'M':
      push_number(number(2));
      return true;
    case 'J':
      push_number(static_cast<std::int32_t>(number(4)));
      return true;
    case 'U':
    case 'T': {
      const std::string_view text = take(number(op == 'U' ? 1 : 4));
      push(Kind::text).text = text;
      return true;
    }
    default:
      return false;
  }
}

bool PickleReader::collection(unsigned char op) {
  switch (op) {
    case '}':
      push(Kind::dict);
      return true;
    case ']':
      push(Kind::list);
      return true;
    case ')':
      push(Kind::tuple);
      return true;
    case '(':
      marks_.push_back(stack_.size());
      return true;
    case 't': {
      auto items = since_mark();
      push(Kind::tuple).items = std::move(items);
      return true;
    }
    case 0x85:
    case 0x86:
    case 0x87:
      push_tuple(op - 0x84u);
      return true;
    case 'a': {
      const PickleValue* item = pop();
      top(Kind::list, "a list").items.push_back(item);
      return true;
    }
    case 'e': {
      const auto items = since_mark();
      auto& list = top(Kind::list, "a list").items;
      list.insert(list.end(), items.begin(), items.end());
      return true;
    }
    case 's': {
      const PickleValue *value = pop(), *key = pop();
      set_items({key, value});
      return true;
    }
    case 'u':
      set_items(since_mark());
      return true;
    default:
      return false;
  }
}

void PickleReader::step(unsigned char op) {
  if (constant(op) || collection(op)) return;
  switch (op) {
    case 0x80:
      if (const auto version = number(1); version != 2)
        fail(str("expected a pickle of protocol 2, got ", version));
      return;
    case 'q':
      return put(number(1));
    case 'r':
      return put(number(4));
    case 'h':
      return get(number(1));
    case 'j':
      return get(number(4));
    case 'c':
      return global();
    case 'R':
      return reduce();
    case 'b':
      return build();
    case '.':
      pickle_.root_ = pop();
      done_ = true;
      return;
    default:
      fail(str("opcode ", int{op}, " is no part of CIFAR-10's pickles"));
  }
}

Pickle::Pickle(std::span<const std::byte> bytes) {
  PickleReader(*this, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}).run();
}

const PickleValue* PickleValue::find(std::string_view key) const {
  if (kind != Kind::dict) return nullptr;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2)
    if (items[i]->kind == Kind::text && items[i]->text == key) return items[i + 1];
  return nullptr;
}

PickledArray pickled_array(const PickleValue& value) {
  const auto expect = [](bool condition, const char* what) {
    ORCHID_CHECK_INPUT(condition, "expected ", what);
  };
  expect(value.kind == Kind::made && value.items.size() == 3 && is_name(value.items[0], kNames[0]),
         "an array of numpy");
  const auto& state = value.items[2]->items;  // version, shape, type, order, bytes
  expect(state.size() == 5 && state[1]->kind == Kind::tuple && state[1]->items.size() == 2 &&
             state[1]->items[0]->kind == Kind::integer && state[1]->items[1]->kind == Kind::integer,
         "an array with two extents");
  const PickleValue& type = *state[2];
  expect(type.kind == Kind::made && is_name(type.items[0], kNames[2]) &&
             !type.items[1]->items.empty() && type.items[1]->items[0]->kind == Kind::text &&
             type.items[1]->items[0]->text == "u1",
         "an array of bytes (u1)");
  expect(state[3]->kind == Kind::boolean && state[3]->number == 0, "an array stored row by row");
  const PickledArray array{state[1]->items[0]->number, state[1]->items[1]->number, state[4]->text};
  expect(state[4]->kind == Kind::text && array.rows >= 0 && array.columns >= 0,
         "the bytes of an array");
  ORCHID_CHECK_INPUT(std::ssize(array.bytes) == array.rows * array.columns, "expected ", array.rows,
                     " x ", array.columns, " bytes in an array, got ", array.bytes.size());
  return array;
}

}  // namespace orchid::data
