#include "Arena.h"

#include "llvm/ExecutionEngine/JITLink/JITLink.h"
#include "llvm/ExecutionEngine/Orc/Shared/SimplePackedSerialization.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;
using namespace llvm::orc;
using jitlink::BasicLayout;
using jitlink::LinkGraph;

namespace halo {
namespace {

// Code reaches constants and data with 32 bits.
constexpr uint64_t AreaBytes = uint64_t(640) << 20;

using SPSSegment = shared::SPSTuple<shared::SPSExecutorAddr, uint64_t, shared::SPSSequence<char>>;
using WriteSignature = shared::SPSError(shared::SPSSequence<SPSSegment>,
                                        shared::SPSSequence<shared::SPSAllocActionCallPair>);

} // namespace

class Arena::Flight final : public InFlightAlloc {
public:
  Flight(Arena &Owner, LinkGraph &Graph, std::vector<Segment> Segments)
      : Owner(Owner), Graph(Graph), Segments(std::move(Segments)) {}

  void abandon(OnAbandonedFunction OnAbandoned) override { OnAbandoned(Error::success()); }

  void finalize(OnFinalizedFunction OnFinalized) override {
    std::move(Segments.begin(), Segments.end(), std::back_inserter(Owner.Segments));
    std::move(Graph.allocActions().begin(), Graph.allocActions().end(), std::back_inserter(Owner.Actions));
    Graph.allocActions().clear();
    if (Error E = Owner.IsHeld ? Error::success() : Owner.write())
      OnFinalized(std::move(E));
    else
      OnFinalized(FinalizedAlloc(Owner.Write)); // any address will do
  }

private:
  Arena &Owner;
  LinkGraph &Graph;
  std::vector<Segment> Segments;
};

// What is called there may link more: nothing of it is ours any more.
Error Arena::write() {
  std::vector<std::tuple<ExecutorAddr, uint64_t, ArrayRef<char>>> Views;
  std::vector<Segment> Now = std::exchange(Segments, {});
  shared::AllocActions Last = std::exchange(Actions, {});
  if (Now.empty() && Last.empty())
    return Error::success();
  for (const Segment &Each : Now)
    Views.emplace_back(Each.At, Each.Bytes, Each.Content);
  Error Failure = Error::success();
  Error Broken = Session.callSPSWrapper<WriteSignature>(Write, Failure, Views, Last);
  return joinErrors(std::move(Broken), std::move(Failure));
}

Error Arena::release(shared::WrapperFunctionCall Last) {
  IsHeld = false;
  if (Last)
    Actions.push_back({std::move(Last), {}});
  return write();
}

Expected<std::unique_ptr<Arena>> Arena::create(ExecutionSession &Session, const Channel &Line) {
  auto Reserve = Line.symbols().find("halo_pack_reserve"), Write = Line.symbols().find("halo_pack_write");
  if (Reserve == Line.symbols().end() || Write == Line.symbols().end())
    return createStringError("this executor packs no inputs");
  Expected<uint64_t> Base(0);
  if (Error E = Session.callSPSWrapper<shared::SPSExpected<uint64_t>(uint64_t)>(ExecutorAddr(Reserve->second),
                                                                                Base, AreaBytes))
    return joinErrors(std::move(E), Base.takeError());
  if (!Base)
    return Base.takeError();
  std::unique_ptr<Arena> Self(new Arena(Session));
  Self->Write = ExecutorAddr(Write->second);
  for (size_t I = 0; I < Self->Areas.size(); ++I)
    Self->Areas[I] = {ExecutorAddr(*Base + I * AreaBytes), ExecutorAddr(*Base + (I + 1) * AreaBytes)};
  return Self;
}

Expected<std::unique_ptr<jitlink::JITLinkMemoryManager::InFlightAlloc>> Arena::place(LinkGraph &Graph) {
  BasicLayout Layout(Graph);
  std::vector<Segment> Segments;
  std::array<Area, 3> After = Areas;
  // What is for the actions only comes last in the data; what is linked next overwrites it, once they
  // have been run.
  ExecutorAddr Kept;
  for (bool IsForActions : {false, true}) {
    for (auto &[Group, Part] : Layout.segments()) {
      if (IsForActions != (Group.getMemLifetime() == MemLifetime::Finalize))
        continue;
      bool IsCode = (Group.getMemProt() & MemProt::Exec) != MemProt::None;
      bool IsData = (Group.getMemProt() & MemProt::Write) != MemProt::None || IsForActions;
      if (IsCode && IsData)
        return createStringError("code that is writable too");
      Area &In = After[IsCode ? 0 : IsData ? 2 : 1];
      uint64_t Written = Part.ContentSize + (IsData ? 0 : Part.ZeroFillSize);
      uint64_t Bytes = Part.ContentSize + Part.ZeroFillSize;
      Part.Addr = ExecutorAddr(alignTo(In.Next.getValue(), Part.Alignment));
      if (Bytes > In.End - In.Next || Part.Addr + Bytes > In.End)
        return createStringError(
            formatv("an input needs {0} bytes; of the {1} MB that all inputs have for {2} "
                    "{3} bytes are left: %restart begins anew",
                    Bytes, AreaBytes >> 20,
                    IsCode   ? "code"
                    : IsData ? "data"
                             : "constants",
                    In.End - In.Next));
      Segments.push_back({Part.Addr, Bytes, std::vector<char>(Written)});
      Part.WorkingMem = Segments.back().Content.data(); // which stays where it is when the vector moves
      In.Next = Part.Addr + Bytes;
    }
    if (!IsForActions || IsHeld)
      Kept = After[2].Next;
  }
  if (Error E = Layout.apply())
    return E;
  After[2].Next = Kept;
  Areas = After;
  return std::make_unique<Flight>(*this, Graph, std::move(Segments));
}

void Arena::allocate(const jitlink::JITLinkDylib *, LinkGraph &Graph, OnAllocatedFunction OnAllocated) {
  OnAllocated(place(Graph));
}

void Arena::deallocate(std::vector<FinalizedAlloc> Allocations, OnDeallocatedFunction OnDeallocated) {
  for (FinalizedAlloc &Each : Allocations)
    Each.release();
  OnDeallocated(Error::success());
}

} // namespace halo
