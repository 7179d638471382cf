#include "Frames.h"

using namespace llvm;

namespace halo {

void Frames::modifyPassConfig(orc::MaterializationResponsibility &, jitlink::LinkGraph &,
                              jitlink::PassConfiguration &Config) {
  Config.PostPrunePasses.push_back([](jitlink::LinkGraph &G) {
    if (jitlink::Section *Table = G.findSectionByName(".eh_frame"))
      for (jitlink::Block *Record : Table->blocks()) {
        Record->setAlignmentOffset(0);
        Record->setAlignment(4);
      }
    return Error::success();
  });
}

} // namespace halo
