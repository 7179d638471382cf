// support: what runs in the executor in C++, linked into every session before the first input.
//
// In: calls by compiled inputs. Out: calls of the interpreter's handlers. It has no initializers and
// no state, so it needs nothing of the platform.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <cxxabi.h>
#include <dlfcn.h>
#include <exception>
#include <istream>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <typeinfo>
#include <unistd.h>

namespace std {
extern istream cin; // without <iostream>, which would begin it here
}

extern "C" {

// As LLVM's orc_rt_WrapperFunctionResult: up to 8 bytes in place; no bytes and a pointer: an error.
struct Answer {
  union {
    char *Data;
    char Inline[sizeof(char *)];
  };
  size_t Bytes;
};
extern char __orc_rt_jit_dispatch_ctx;
Answer __orc_rt_jit_dispatch(void *Context, const void *Tag, const char *Arguments, size_t Bytes);

// Their addresses are the tags of the interpreter's handlers.
char __halo_caught_tag, __halo_show_tag, __halo_plain_tag, __halo_learn_tag, __halo_picture_tag,
    __halo_node_tag, __halo_take_tag, __halo_bytes_tag;

static void tell(const void *Tag, const char *Bytes, size_t Count) {
  Answer Result = __orc_rt_jit_dispatch(&__orc_rt_jit_dispatch_ctx, Tag, Bytes, Count);
  if (Result.Bytes > sizeof Result.Inline || (!Result.Bytes && Result.Data))
    std::free(Result.Data);
}

// Two strings, each with its final zero: the type's mangled name and what().
static void tellCaught(const char *What) {
  const std::type_info *Type = abi::__cxa_current_exception_type();
  const char *Name = Type ? Type->name() : "";
  size_t NameBytes = std::strlen(Name) + 1, WhatBytes = std::strlen(What) + 1;
  char *Both = static_cast<char *>(std::malloc(NameBytes + WhatBytes));
  if (!Both)
    return;
  std::memcpy(Both, Name, NameBytes);
  std::memcpy(Both + NameBytes, What, WhatBytes);
  tell(&__halo_caught_tag, Both, NameBytes + WhatBytes);
  std::free(Both);
}

// The value's number and address; the interpreter shows what it finds there. It need not ask for the
// first bytes, of which there may be none.
void __halo_show(unsigned long long Number, const void *At) {
  struct {
    std::uint64_t Number, At;
    char Bytes[64];
  } Message = {Number, reinterpret_cast<std::uintptr_t>(At), {}};
  constexpr std::size_t HeadBytes = 16, PageBytes = 4096;
  std::size_t Left = PageBytes - Message.At % PageBytes;
  iovec Here = {Message.Bytes, Left < sizeof Message.Bytes ? Left : sizeof Message.Bytes};
  iovec There = {const_cast<void *>(At), Here.iov_len};
  ssize_t Read = process_vm_readv(getpid(), &Here, 1, &There, 1, 0); // where nothing is, no crash
  tell(&__halo_bytes_tag, reinterpret_cast<const char *>(&Message),
       HeadBytes + (Read > 0 ? static_cast<std::size_t>(Read) : 0));
}

// Text in the making; show.h has the same.
struct Text {
  char *Data;
  std::size_t Bytes, Room;
  int Depth;
};
static constexpr std::size_t TextLimit = 16384;

void __halo_put(Text *To, const char *From, std::size_t Bytes) {
  if (To->Bytes >= TextLimit)
    return;
  bool IsCut = To->Bytes + Bytes > TextLimit;
  if (IsCut)
    Bytes = TextLimit - To->Bytes;
  if (To->Bytes + Bytes + 4 > To->Room) {
    std::size_t Room = 2 * (To->Bytes + Bytes) + 64;
    char *Data = static_cast<char *>(std::realloc(To->Data, Room));
    if (!Data)
      return;
    To->Data = Data;
    To->Room = Room;
  }
  std::memcpy(To->Data + To->Bytes, From, Bytes);
  To->Bytes += Bytes;
  if (IsCut) {
    std::memcpy(To->Data + To->Bytes, "...", 3);
    To->Bytes += 3;
  }
}

// Bytes of a valid character in UTF-8; 0: there is none.
static std::size_t utf8Bytes(const unsigned char *At, std::size_t Left) {
  unsigned char First = *At;
  std::size_t Bytes = First < 0x80   ? 1
                      : First < 0xc2 ? 0
                      : First < 0xe0 ? 2
                      : First < 0xf0 ? 3
                      : First < 0xf5 ? 4
                                     : 0;
  if (Bytes > Left)
    return 0;
  for (std::size_t I = 1; I < Bytes; ++I)
    if ((At[I] & 0xc0) != 0x80)
      return 0;
  bool IsBad = Bytes > 2 && ((First == 0xe0 && At[1] < 0xa0) || (First == 0xed && At[1] > 0x9f) ||
                             (First == 0xf0 && At[1] < 0x90) || (First == 0xf4 && At[1] > 0x8f));
  return IsBad ? 0 : Bytes;
}

static void putEscaped(Text *To, std::uint32_t Value, int Digits) {
  char Escape[16];
  __halo_put(To, Escape,
             static_cast<std::size_t>(std::snprintf(Escape, sizeof Escape, "\\x%0*lx", Digits,
                                                    static_cast<unsigned long>(Value))));
}

// What needs an escape in ASCII, or nothing.
static bool putSpecial(Text *To, std::uint32_t C) {
  const char *Known = C == '\n'   ? "\\n"
                      : C == '\t' ? "\\t"
                      : C == '\r' ? "\\r"
                      : C == 0    ? "\\0"
                      : C == '"'  ? "\\\""
                      : C == '\\' ? "\\\\"
                                  : nullptr;
  if (Known)
    __halo_put(To, Known, 2);
  else if (C < 0x20 || C == 0x7f)
    putEscaped(To, C, 2);
  else
    return false;
  return true;
}

static void putCharacter(Text *To, std::uint32_t C) {
  char Bytes[4];
  if (C < 0x80)
    return __halo_put(To, (Bytes[0] = static_cast<char>(C), Bytes), 1);
  std::size_t Count = C < 0x800 ? 2 : C < 0x10000 ? 3 : 4;
  for (std::size_t I = Count; I-- > 1; C >>= 6)
    Bytes[I] = static_cast<char>(0x80 | (C & 0x3f));
  Bytes[0] = static_cast<char>((Count == 2 ? 0xc0 : Count == 3 ? 0xe0 : 0xf0) | C);
  __halo_put(To, Bytes, Count);
}

void __halo_quote(Text *To, const char *Prefix, const void *From, std::size_t Count, std::size_t Width) {
  constexpr std::size_t Limit = 1000;
  bool IsCut = Count > Limit;
  __halo_put(To, Prefix, std::strlen(Prefix));
  __halo_put(To, "\"", 1);
  for (std::size_t I = 0; I < (IsCut ? Limit : Count); ++I)
    if (Width == 1) {
      auto *At = static_cast<const unsigned char *>(From) + I;
      std::size_t Bytes = utf8Bytes(At, Count - I);
      if (!Bytes)
        putEscaped(To, *At, 2);
      else if (!putSpecial(To, *At) || Bytes > 1)
        __halo_put(To, reinterpret_cast<const char *>(At), Bytes), I += Bytes - 1;
    } else {
      auto *Short = static_cast<const std::uint16_t *>(From) + I;
      std::uint32_t C = Width == 2 ? *Short : static_cast<const std::uint32_t *>(From)[I];
      if (Width == 2 && C >= 0xd800 && C < 0xdc00 && I + 1 < Count && Short[1] >= 0xdc00 && Short[1] < 0xe000)
        C = 0x10000 + ((C - 0xd800) << 10) + (Short[1] - 0xdc00), ++I;
      if (C > 0x10ffff || (C >= 0xd800 && C < 0xe000))
        putEscaped(To, C, 4);
      else if (!putSpecial(To, C))
        putCharacter(To, C);
    }
  __halo_put(To, "\"...", IsCut ? 4 : 1);
}

void __halo_number(Text *To, long long Number) {
  char Digits[24];
  __halo_put(To, Digits, static_cast<std::size_t>(std::snprintf(Digits, sizeof Digits, "%lld", Number)));
}

void __halo_time(Text *To, long long Nanoseconds) {
  constexpr long long Second = 1000000000;
  long long Part = (Nanoseconds % Second + Second) % Second;
  std::time_t Seconds = (Nanoseconds - Part) / Second;
  std::tm Fields;
  char Date[64];
  if (!gmtime_r(&Seconds, &Fields))
    return __halo_number(To, Nanoseconds);
  __halo_put(To, Date, std::strftime(Date, sizeof Date, "%F %T", &Fields));
  if (Part)
    __halo_put(To, Date, static_cast<std::size_t>(std::snprintf(Date, sizeof Date, ".%09lld", Part)));
  __halo_put(To, " UTC", 4);
}

void __halo_type(Text *To, const char *Mangled) {
  int Status;
  char *Name = abi::__cxa_demangle(Mangled, nullptr, nullptr, &Status);
  const char *Shown = Name ? Name : Mangled;
  __halo_put(To, "(", 1);
  __halo_put(To, Shown, std::strlen(Shown));
  __halo_put(To, ")", 1);
  std::free(Name);
}

// A message of some numbers and some bytes. The caller frees it; null: there is no memory.
static char *packed(const std::uint64_t *Numbers, std::size_t Count, const void *Bytes,
                    std::size_t ByteCount) {
  char *Message = static_cast<char *>(std::malloc(8 * Count + ByteCount));
  if (!Message)
    return nullptr;
  std::memcpy(Message, Numbers, 8 * Count);
  if (ByteCount)
    std::memcpy(Message + 8 * Count, Bytes, ByteCount);
  return Message;
}

using Put = void(Text *, const char *, std::size_t);

// Asks the interpreter of an object: its address, how deep it is, then its type's name.
static void ask(const void *Tag, Text *To, const char *Type, const void *At, Put *PutAnswer) {
  std::uint64_t Numbers[] = {reinterpret_cast<std::uintptr_t>(At), static_cast<std::uint64_t>(To->Depth)};
  std::size_t NameBytes = std::strlen(Type);
  char *Message = packed(Numbers, 2, Type, NameBytes);
  if (!Message)
    return;
  Answer Result = __orc_rt_jit_dispatch(&__orc_rt_jit_dispatch_ctx, Tag, Message, 16 + NameBytes);
  std::free(Message);
  bool IsInline = Result.Bytes <= sizeof Result.Inline;
  if (Result.Bytes)
    PutAnswer(To, IsInline ? Result.Inline : Result.Data, Result.Bytes);
  if (!IsInline || (!Result.Bytes && Result.Data))
    std::free(Result.Data);
}

void __halo_plain(Text *To, const char *Type, const void *At) {
  ask(&__halo_plain_tag, To, Type, At, __halo_put);
}

// Bytes of a value, for which there is no limit but memory.
void __halo_put_bytes(Text *To, const char *From, std::size_t Bytes) {
  if (To->Bytes + Bytes > To->Room) {
    std::size_t Room = 2 * To->Bytes + Bytes;
    char *Data = static_cast<char *>(std::realloc(To->Data, Room));
    if (!Data)
      std::abort(); // as everywhere where nothing can be told: the input is taken back
    To->Data = Data;
    To->Room = Room;
  }
  std::memcpy(To->Data + To->Bytes, From, Bytes);
  To->Bytes += Bytes;
}

void __halo_plain_node(Text *To, const char *Type, const void *At) {
  ask(&__halo_node_tag, To, Type, At, __halo_put_bytes);
}

// The bytes that came with the request, for the caller to free; null: there are none.
char *__halo_take(std::size_t *Bytes) {
  Answer Result = __orc_rt_jit_dispatch(&__orc_rt_jit_dispatch_ctx, &__halo_take_tag, "", 1);
  *Bytes = Result.Bytes;
  if (Result.Bytes > sizeof Result.Inline)
    return Result.Data;
  if (!Result.Bytes)
    return std::free(Result.Data), nullptr;
  char *Copy = static_cast<char *>(std::malloc(Result.Bytes));
  if (Copy)
    std::memcpy(Copy, Result.Inline, Result.Bytes);
  return Copy;
}

// The value's number, then the functions.
void __halo_learn(unsigned long long Number, const void *const *Functions, std::size_t Count) {
  std::uint64_t Numbers[] = {Number};
  if (char *Message = packed(Numbers, 1, Functions, Count * sizeof *Functions)) {
    tell(&__halo_learn_tag, Message, 8 + Count * sizeof *Functions);
    std::free(Message);
  }
}

// Called by the interpreter, while it answers, with a function of `__halo_learn`, an address and how
// deep it is: the member as text or as a node.
Answer __halo_show_member(const char *Message, std::size_t Bytes) {
  std::uint64_t Numbers[3];
  Text Made = {};
  if (Bytes == sizeof Numbers) {
    std::memcpy(Numbers, Message, sizeof Numbers);
    Made.Depth = static_cast<int>(Numbers[2]);
    try {
      reinterpret_cast<void (*)(Text *, const void *)>(Numbers[0])(&Made,
                                                                   reinterpret_cast<void *>(Numbers[1]));
    } catch (...) {
      Made.Bytes = 0;
    }
  }
  Answer Result = {};
  Result.Bytes = Made.Bytes;
  if (Made.Bytes > sizeof Result.Inline) {
    Result.Data = Made.Data;
    return Result;
  }
  if (Made.Bytes)
    std::memcpy(Result.Inline, Made.Data, Made.Bytes);
  std::free(Made.Data);
  return Result;
}

// Bytes of the MIME type, which comes next; then the data.
void __halo_picture(const char *Mime, std::size_t MimeBytes, const char *Data, std::size_t Bytes) {
  Text Message = {};
  std::uint64_t Length = MimeBytes;
  __halo_put_bytes(&Message, reinterpret_cast<const char *>(&Length), sizeof Length);
  __halo_put_bytes(&Message, Mime, MimeBytes);
  __halo_put_bytes(&Message, Data, Bytes);
  tell(&__halo_picture_tag, Message.Data, Message.Bytes);
  std::free(Message.Data);
}

// As __halo_show, with text that has been made; frees it.
void __halo_tell(unsigned long long Number, const void *At, Text *Made) {
  std::uint64_t Numbers[] = {Number, reinterpret_cast<std::uintptr_t>(At)};
  if (char *Message = packed(Numbers, 2, Made->Data, Made->Bytes)) {
    tell(&__halo_show_tag, Message, 16 + Made->Bytes);
    std::free(Message);
  }
  std::free(Made->Data);
}

// An input that exits ends its process, whose place a copy from before takes: handlers of atexit and
// destructors run when the session ends, and not now.
[[noreturn]] static void leave(int Status) {
  std::fflush(nullptr);
  for (;;)
    syscall(SYS_exit_group, Status);
}
void exit(int Status) noexcept { leave(Status); }
void quick_exit(int Status) noexcept { leave(Status); }
void _exit(int Status) { leave(Status); }
void _Exit(int Status) noexcept { leave(Status); }

// Compiled inputs emulate thread-local variables. Those of shared libraries are the system's
// (ThreadLocals.cpp): a size that none has, and the name.
void *__emutls_get_address(void *Control) {
  struct Known {
    std::size_t Bytes, Alignment;
    void *Kept;
    const char *Name;
  } *Of = static_cast<Known *>(Control);
  if (Of->Bytes == ~std::size_t(0))
    return dlsym(RTLD_DEFAULT, Of->Name); // the address is this thread's
  static void *(*Emulated)(void *);
  auto Found = __atomic_load_n(&Emulated, __ATOMIC_RELAXED);
  if (!Found) {
    Found = reinterpret_cast<void *(*)(void *)>(dlsym(RTLD_DEFAULT, "__emutls_get_address"));
    __atomic_store_n(&Emulated, Found, __ATOMIC_RELAXED);
  }
  return Found(Control);
}

// Input that has ended, for an earlier input of the session, may go on for this one. A stream that
// nobody has used yet is all zeroes.
static void clearEnds() {
  if (std::feof(stdin))
    std::clearerr(stdin);
  void *Table;
  std::memcpy(&Table, static_cast<void *>(&std::cin), sizeof Table);
  if (Table && std::cin.eof())
    std::cin.clear();
}

void __halo_guard(void (*Run)()) {
  clearEnds();
  try {
    Run();
  } catch (abi::__forced_unwind &) { // the thread is cancelled
    throw;
  } catch (const std::exception &E) {
    tellCaught(E.what());
  } catch (...) {
    tellCaught("");
  }
  std::fflush(stdout); // shown before the answer
}

// An allocation action (executor/pack.h): calls the function whose address it is given. Of its result,
// an SPSError, there is one byte. (What an input would have to return is compiled slowly.)
Answer __halo_run(const char *Arguments, std::size_t Bytes) {
  void (*Run)();
  if (Bytes == sizeof Run) {
    std::memcpy(&Run, Arguments, sizeof Run);
    Run();
  }
  Answer Success = {};
  Success.Bytes = 1;
  return Success;
}
}
