#include "tests/simt/symbols.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <vector>

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <unistd.h>

namespace orchid::simt {
namespace {

/// The file of a loaded object and where it was loaded. Programs, unlike libraries, may be linked
/// to run at a fixed address; then addresses in the file are absolute.
struct Object {
  std::string file;
  std::uintptr_t base = 0;
};

Object object_of(const void* address) {
  Dl_info info{};
  if (!dladdr(address, &info)) return {};
  std::string file = info.dli_fname;
  if (!file.starts_with("/")) {  // the program, by the name it was called with
    char path[4096];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
    if (length > 0) file.assign(path, static_cast<std::size_t>(length));
  }
  Elf64_Ehdr header{};
  std::memcpy(&header, info.dli_fbase, sizeof header);
  const bool fixed = header.e_type == ET_EXEC;
  return {file, fixed ? 0 : reinterpret_cast<std::uintptr_t>(info.dli_fbase)};
}

/// Addresses and names of the functions in a file's symbol table: unlike the dynamic one it has
/// functions of internal linkage too.
std::map<std::uintptr_t, std::string> read_symbols(const std::string& file) {
  std::map<std::uintptr_t, std::string> symbols;
  std::ifstream in(file, std::ios::binary);
  const std::string image{std::istreambuf_iterator<char>(in), {}};
  if (image.size() < sizeof(Elf64_Ehdr)) return symbols;
  Elf64_Ehdr header;
  std::memcpy(&header, image.data(), sizeof header);
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  if (header.e_shoff + sections.size() * sizeof(Elf64_Shdr) > image.size()) return symbols;
  std::memcpy(sections.data(), image.data() + header.e_shoff, sections.size() * sizeof(Elf64_Shdr));
  for (const Elf64_Shdr& section : sections) {
    if (section.sh_type != SHT_SYMTAB) continue;
    for (std::size_t at = 0; at < section.sh_size; at += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      std::memcpy(&symbol, image.data() + section.sh_offset + at, sizeof symbol);
      if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_value)
        symbols[symbol.st_value] =
            image.data() + sections[section.sh_link].sh_offset + symbol.st_name;
    }
  }
  return symbols;
}

/// Drops the return type and the parameters of "void f<int>(float*, int)".
std::string bare_name(std::string name) {
  if (name.ends_with(")")) {
    int depth = 0;
    for (std::size_t at = name.size(); at-- > 0;) {
      depth += name[at] == ')';
      depth -= name[at] == '(';
      if (depth == 0) {
        name.resize(at);
        break;
      }
    }
  }
  return name.starts_with("void ") ? name.substr(5) : name;
}

std::string read_output(const std::string& command) {
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return text;
  char buffer[1024];
  while (std::fgets(buffer, sizeof buffer, pipe)) text += buffer;
  pclose(pipe);
  return text;
}

std::string look_up(const void* return_address) {
  const Object object = object_of(return_address);
  // The byte before is part of the call.
  const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(return_address) - object.base - 1;
  char where[32];
  std::snprintf(where, sizeof where, "%#lx", static_cast<unsigned long>(offset));
  const std::string output =
      read_output("addr2line -ie '" + object.file + "' " + where + " 2>/dev/null");
  std::string chain;
  for (std::size_t at = 0; at < output.size();) {
    const std::size_t end = std::min(output.find('\n', at), output.size());
    std::string line = output.substr(at, end - at);
    at = end + 1;
    line = line.substr(0, line.find(" (discriminator"));
    const bool unknown = line.starts_with("?") || line.find(":?") != std::string::npos;
    if (unknown || line.find("/tests/simt/builtins") != std::string::npos) continue;
    const std::size_t slash = line.rfind('/');
    if (slash != std::string::npos) line.erase(0, slash + 1);
    chain += (chain.empty() ? "" : " < ") + line;
  }
  return chain.empty() ? object.file + "+" + where : chain;
}

}  // namespace

std::string function_name(const void* function) {
  static std::map<std::string, std::map<std::uintptr_t, std::string>> files;
  static std::map<const void*, std::string> known;
  if (const auto found = known.find(function); found != known.end()) return found->second;
  const Object object = object_of(function);
  auto file = files.find(object.file);
  if (file == files.end()) file = files.emplace(object.file, read_symbols(object.file)).first;
  const auto symbol = file->second.find(reinterpret_cast<std::uintptr_t>(function) - object.base);
  if (symbol == file->second.end()) return known[function] = "a function without a name";
  int status = 0;
  char* demangled = abi::__cxa_demangle(symbol->second.c_str(), nullptr, nullptr, &status);
  std::string name = bare_name(demangled ? demangled : symbol->second);
  std::free(demangled);
  return known[function] = name;
}

const std::string& code_location(const void* return_address) {
  static std::map<const void*, std::string> known;
  auto& location = known[return_address];
  if (location.empty()) location = look_up(return_address);
  return location;
}

}  // namespace orchid::simt
