// support: what runs in the executor in C++, linked into every session before the first input.
//
// In: calls by compiled inputs. Out: calls of the interpreter's handlers. It has no initializers and
// no state, so it needs nothing of the platform.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
#include <dlfcn.h>
#include <exception>
#include <sys/syscall.h>
#include <typeinfo>
#include <unistd.h>

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
char __halo_caught_tag, __halo_show_tag, __halo_plain_tag;

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

// The value's number and address; the interpreter shows what it finds there.
void __halo_show(unsigned long long Number, const void *At) {
  unsigned long long Both[2] = {Number, reinterpret_cast<std::uintptr_t>(At)};
  tell(&__halo_show_tag, reinterpret_cast<const char *>(Both), sizeof Both);
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

void __halo_quote(Text *To, const char *From, std::size_t Bytes) {
  constexpr std::size_t Limit = 1000;
  bool IsCut = Bytes > Limit;
  __halo_put(To, "\"", 1);
  for (std::size_t I = 0; I < (IsCut ? Limit : Bytes); ++I) {
    unsigned char C = static_cast<unsigned char>(From[I]);
    char Escape[5];
    if (C == '"' || C == '\\')
      __halo_put(To, "\\", 1);
    if (C >= 0x20 && C != 0x7f)
      __halo_put(To, From + I, 1);
    else if (C == '\n' || C == '\t' || C == '\r' || C == 0)
      __halo_put(To, C == '\n' ? "\\n" : C == '\t' ? "\\t" : C ? "\\r" : "\\0", 2);
    else
      __halo_put(To, Escape, static_cast<std::size_t>(std::snprintf(Escape, sizeof Escape, "\\x%02x", C)));
  }
  __halo_put(To, "\"...", IsCut ? 4 : 1);
}

void __halo_number(Text *To, long long Number) {
  char Digits[24];
  __halo_put(To, Digits, static_cast<std::size_t>(std::snprintf(Digits, sizeof Digits, "%lld", Number)));
}

// Asks the interpreter: the address, then the type's name.
void __halo_plain(Text *To, const char *Type, const void *At) {
  std::size_t NameBytes = std::strlen(Type);
  char *Message = static_cast<char *>(std::malloc(8 + NameBytes));
  if (!Message)
    return;
  std::memcpy(Message, &At, 8);
  std::memcpy(Message + 8, Type, NameBytes);
  Answer Result =
      __orc_rt_jit_dispatch(&__orc_rt_jit_dispatch_ctx, &__halo_plain_tag, Message, 8 + NameBytes);
  std::free(Message);
  bool IsInline = Result.Bytes <= sizeof Result.Inline;
  if (Result.Bytes)
    __halo_put(To, IsInline ? Result.Inline : Result.Data, Result.Bytes);
  if (!IsInline || (!Result.Bytes && Result.Data))
    std::free(Result.Data);
}

// As __halo_show, with text that has been made; frees it.
void __halo_tell(unsigned long long Number, const void *At, Text *Made) {
  char *Message = static_cast<char *>(std::malloc(16 + Made->Bytes));
  if (Message) {
    unsigned long long Both[2] = {Number, reinterpret_cast<std::uintptr_t>(At)};
    std::memcpy(Message, Both, sizeof Both);
    if (Made->Bytes)
      std::memcpy(Message + sizeof Both, Made->Data, Made->Bytes);
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

void __halo_guard(void (*Run)()) {
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
}
