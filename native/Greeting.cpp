#include "Greeting.h"

#include "llvm/ExecutionEngine/Orc/Shared/OrcRTBridge.h"
#include "llvm/ExecutionEngine/Orc/Shared/SimpleRemoteEPCUtils.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

#include <cstring>

using namespace llvm;
using namespace llvm::orc;

namespace halo {
namespace {

// Bounded reads of LLVM's Simple Packed Serialization; after the first bad one all are empty.
class Reader {
public:
  explicit Reader(ArrayRef<char> Left) : Left(Left) {}

  uint64_t number() {
    StringRef Bytes = take(8);
    return IsBad ? 0 : support::endian::read64le(Bytes.data());
  }
  StringRef string() { return take(number()); }
  uint64_t count(size_t LeastBytes) {
    uint64_t N = number();
    if (N > Left.size() / LeastBytes)
      IsBad = true;
    return IsBad ? 0 : N;
  }
  size_t left() const { return Left.size(); }
  bool IsBad = false;

private:
  StringRef take(uint64_t Bytes) {
    if (IsBad || Bytes > Left.size()) {
      IsBad = true;
      return {};
    }
    StringRef Taken(Left.data(), Bytes);
    Left = Left.drop_front(Bytes);
    return Taken;
  }

  ArrayRef<char> Left;
};

} // namespace

Expected<shared::WrapperFunctionBuffer> readGreeting(ArrayRef<char> Payload,
                                                     std::map<std::string, uint64_t> &Symbols) {
  SimpleRemoteEPCExecutorInfo Info;
  Reader In(Payload);
  Info.TargetTriple = In.string().str();
  Info.PageSize = In.number();
  for (uint64_t N = In.count(16); N; --N) {
    StringRef Key = In.string(), Value = In.string();
    Info.BootstrapMap[Key] = std::vector<char>(Value.begin(), Value.end());
  }
  for (uint64_t N = In.count(16); N; --N) {
    std::string Name = In.string().str();
    uint64_t Address = In.number();
    if (!In.IsBad)
      Symbols[Name] = Address;
  }
  if (In.IsBad || In.left())
    return createStringError("its first message is not an executor's");
  if (Info.PageSize < 512 || Info.PageSize > (1u << 30) || !isPowerOf2_64(Info.PageSize))
    return createStringError("it claims a page size of " + Twine(Info.PageSize));

  for (const auto &[Name, Address] : Symbols)
    Info.BootstrapSymbols[Name] = ExecutorAddr(Address);
  using namespace SimpleRemoteEPCDefaultBootstrapSymbolNames;
  for (const char *Name :
       {ExecutorSessionObjectName, DispatchFnName, rt::RunAsMainWrapperName, rt::RunAsVoidFunctionWrapperName,
        rt::RunAsIntFunctionWrapperName, rt::SimpleExecutorDylibManagerInstanceName,
        rt::SimpleExecutorDylibManagerOpenWrapperName, rt::SimpleExecutorDylibManagerResolveWrapperName})
    Info.BootstrapSymbols.try_emplace(Name, ExecutorAddr());

  using Serializer = shared::SPSArgList<shared::SPSSimpleRemoteEPCExecutorInfo>;
  auto Buffer = shared::WrapperFunctionBuffer::allocate(Serializer::size(Info));
  shared::SPSOutputBuffer Out(Buffer.data(), Buffer.size());
  if (!Serializer::serialize(Out, Info))
    return createStringError("its first message can not be passed on");
  return std::move(Buffer);
}

std::string readFarewell(ArrayRef<char> Payload) {
  if (Payload.empty() || !Payload.front())
    return {};
  Reader In(Payload.drop_front());
  return In.string().str();
}

} // namespace halo
