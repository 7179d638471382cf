#include "Layout.h"

#include "clang/AST/Decl.h"
#include "clang/AST/DeclCXX.h"
#include "clang/AST/RecordLayout.h"
#include "clang/AST/VTableBuilder.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/APSInt.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/FormatVariadic.h"

#include <charconv>
#include <cmath>
#include <iterator>

using namespace llvm;
using namespace clang;

namespace halo {
namespace {

constexpr unsigned DepthLimit = 6;
constexpr uint64_t ElementLimit = 100, StringLimit = 1000, BytesLimit = 1 << 20;

std::string address(uint64_t At) { return At ? "0x" + utohexstr(At, /*LowerCase=*/true) : "nullptr"; }

// As short as reads back to the same number, with a point in it.
template <class Float> std::string number(Float Value) {
  char Digits[64];
  auto End = std::to_chars(Digits, std::end(Digits), Value).ptr;
  std::string Text(Digits, End);
  return std::isfinite(Value) && Text.find_first_of(".e") == std::string::npos ? Text + ".0" : Text;
}

std::string number(const APFloat &Value) {
  if (&Value.getSemantics() == &APFloat::IEEEdouble())
    return number(Value.convertToDouble());
  if (&Value.getSemantics() == &APFloat::IEEEsingle())
    return number(Value.convertToFloat());
  SmallString<60> Text;
  Value.toString(Text);
  return Text.str().str();
}

std::string character(uint64_t Value, unsigned Bytes) {
  if (Bytes == 1)
    return quote(std::string(1, static_cast<char>(Value)), '\'');
  char Buffer[UNI_MAX_UTF8_BYTES_PER_CODE_POINT], *End = Buffer;
  if (Value > 0x10ffff || !ConvertCodePointToUTF8(static_cast<unsigned>(Value), End))
    return formatv("'\\x{0:x-}'", Value);
  return quote(StringRef(Buffer, static_cast<size_t>(End - Buffer)), '\'');
}

const char *prefixOf(QualType Character) {
  return Character->isWideCharType() ? "L"
         : Character->isChar8Type()  ? "u8"
         : Character->isChar16Type() ? "u"
         : Character->isChar32Type() ? "U"
                                     : "";
}

} // namespace

APInt bits(ArrayRef<char> Bytes) {
  APInt Value(static_cast<unsigned>(Bytes.size() * 8), 0);
  for (size_t I = 0; I < Bytes.size(); ++I)
    Value.insertBits(static_cast<uint8_t>(Bytes[I]), static_cast<unsigned>(I * 8), 8);
  return Value;
}

bool isCharacter(QualType Type) { return Type->isCharType() || Type->isAnyCharacterType(); }

std::optional<uint64_t> placeOfVirtualBase(ASTContext &Context, Engine &Machine, const CXXRecordDecl &Of,
                                           const CXXRecordDecl &Base, uint64_t At) {
  auto *Tables = dyn_cast_or_null<ItaniumVTableContext>(Context.getVTableContext());
  if (!Tables)
    return std::nullopt;
  char Pointer[8], Distance[8];
  if (Error E = Machine.read(orc::ExecutorAddr(At), Pointer)) {
    consumeError(std::move(E));
    return std::nullopt;
  }
  int64_t Offset = Tables->getVirtualBaseOffsetOffset(&Of, &Base).getQuantity();
  uint64_t Slot = bits(Pointer).getZExtValue() + static_cast<uint64_t>(Offset);
  if (Error E = Machine.read(orc::ExecutorAddr(Slot), Distance)) {
    consumeError(std::move(E));
    return std::nullopt;
  }
  return At + bits(Distance).getZExtValue();
}

std::string quote(StringRef Text, char Quote, bool IsCut) {
  std::string Result(1, Quote);
  for (size_t I = 0; I < Text.size(); ++I) {
    char C = Text[I];
    auto *At = reinterpret_cast<const UTF8 *>(Text.data() + I);
    unsigned Length = getNumBytesForUTF8(*At);
    if (Length > 1 && I + Length <= Text.size() && isLegalUTF8Sequence(At, At + Length)) {
      Result += Text.substr(I, Length);
      I += Length - 1;
    } else if (C == Quote || C == '\\') {
      Result.append({'\\', C});
    } else if (size_t Known = StringRef("\n\t\r\0", 4).find(C); Known != StringRef::npos) {
      Result.append({'\\', "ntr0"[Known]});
    } else if (static_cast<unsigned char>(C) < 0x20 || static_cast<unsigned char>(C) >= 0x7f) {
      Result += formatv("\\x{0:x-2}", static_cast<unsigned>(static_cast<unsigned char>(C))).str();
    } else {
      Result += C;
    }
  }
  Result += Quote;
  if (IsCut)
    Result += "...";
  return Result;
}

std::string Layout::name(QualType Type) const {
  PrintingPolicy Policy(Context.getPrintingPolicy());
  Policy.FullyQualifiedName = true;
  Policy.SuppressInlineNamespace = llvm::to_underlying(PrintingPolicy::SuppressInlineNamespaceMode::All);
  std::string Written = Type.getAsString(Policy);
  // What only the library's authors call it by is of no use to a person.
  bool IsReserved = StringRef(Written).contains("std::_") || StringRef(Written).contains("::__");
  return IsReserved ? Type.getCanonicalType().getAsString(Policy) : Written;
}

std::string Layout::show(QualType Type, uint64_t At, unsigned Depth, bool IsMember) {
  Type = Type.getNonReferenceType();
  if (Type->isFunctionType())
    return "Function @" + address(At);
  if (Type->isIncompleteType() || Type->isDependentType())
    return "@" + address(At);
  uint64_t Bytes = static_cast<uint64_t>(Context.getTypeSizeInChars(Type).getQuantity());
  std::vector<char> Memory(std::min(Bytes, BytesLimit));
  if (Error E = Machine.read(orc::ExecutorAddr(At), Memory)) {
    consumeError(std::move(E));
    return "<cannot read " + address(At) + ">";
  }
  return showBytes(Type, Memory, At, Depth, IsMember);
}

std::string Layout::showBytes(QualType Type, ArrayRef<char> Bytes, uint64_t At, unsigned Depth,
                              bool IsMember) {
  if (Type->isReferenceType())
    return show(Type.getNonReferenceType(), bits(Bytes).getZExtValue(), Depth, IsMember);
  Type = Type.getCanonicalType();
  if (Depth > DepthLimit)
    return "...";
  if (auto *Atomic = Type->getAs<AtomicType>())
    return showBytes(Atomic->getValueType(), Bytes, At, Depth, IsMember);
  if (auto *Array = Context.getAsConstantArrayType(Type))
    return showArray(Array->getElementType(), Array->getZExtSize(), Bytes, At, Depth);
  if (auto *Vector = Type->getAs<clang::VectorType>())
    return showArray(Vector->getElementType(), Vector->getNumElements(), Bytes, At, Depth);
  if (auto *Complex = Type->getAs<clang::ComplexType>()) {
    size_t Half = Bytes.size() / 2;
    return showBytes(Complex->getElementType(), Bytes.take_front(Half), At, Depth) + " + " +
           showBytes(Complex->getElementType(), Bytes.drop_front(Half), At + Half, Depth) + "i";
  }
  if (auto *Record = Type->getAsRecordDecl()) {
    if (IsMember && ShowMember && !Unions)
      if (auto Text = ShowMember(Type.getUnqualifiedType(), At, Depth))
        return std::move(*Text);
    return showRecord(*Record, Bytes, At, Depth);
  }
  return showScalar(Type, bits(Bytes));
}

std::string Layout::showScalar(QualType Type, const APInt &Bits) {
  if (Type->isNullPtrType())
    return "nullptr";
  if (Type->isBooleanType())
    return Bits.isZero() ? "false" : "true";
  if (auto *Enum = Type->getAs<EnumType>())
    return showEnumerator(*Enum, APSInt(Bits, !Type->isSignedIntegerOrEnumerationType()));
  if (Type->isAnyCharacterType())
    return character(Bits.getZExtValue(), Bits.getBitWidth() / 8);
  if (Type->isRealFloatingType()) {
    const fltSemantics &Semantics = Context.getFloatTypeSemantics(Type);
    return number(APFloat(Semantics, Bits.trunc(APFloat::getSizeInBits(Semantics))));
  }
  if (Type->isIntegerType()) {
    SmallString<40> Text;
    APInt Value =
        Bits.getBitWidth() > Context.getIntWidth(Type) ? Bits.trunc(Context.getIntWidth(Type)) : Bits;
    Value.toString(Text, 10, Type->isSignedIntegerType());
    return Text.str().str();
  }
  if (Type->isMemberDataPointerType())
    return Bits.isAllOnes() ? "nullptr" : "offset " + std::to_string(Bits.getZExtValue());
  if (Type->isMemberFunctionPointerType())
    return Bits.trunc(64).isZero() ? "nullptr"
           : Bits[0]               ? "virtual" // an offset in the table
                                   : "Function @" + address(Bits.trunc(64).getZExtValue());
  if (Type->isPointerType())
    return showPointer(Type->getPointeeType(), Bits.getZExtValue());
  return "0x" + toString(Bits, 16, false);
}

std::string Layout::showEnumerator(const EnumType &Type, const APSInt &Value) {
  std::string Number = toString(Value, 10);
  for (const EnumConstantDecl *Each : Type.getDecl()->getDefinitionOrSelf()->enumerators())
    if (APSInt::isSameValue(Each->getInitVal(), Value))
      return "(" + Each->getQualifiedNameAsString() +
             ") : " + name(Type.getDecl()->getDefinitionOrSelf()->getIntegerType()) + " " + Number;
  return Number;
}

std::string Layout::showPointer(QualType Pointee, uint64_t To) {
  if (Pointee->isFunctionType())
    return To ? "Function @" + address(To) : "nullptr";
  if (!isCharacter(Pointee) || !To)
    return address(To);
  // A string, if there is one. Read up to the page's end at first: the next may not be there.
  size_t Width = static_cast<size_t>(Context.getTypeSizeInChars(Pointee).getQuantity());
  if (To % Width)
    return address(To);
  std::string Text;
  while (Text.size() < StringLimit * Width) {
    uint64_t Left = std::min<uint64_t>(4096 - (To + Text.size()) % 4096, StringLimit * Width - Text.size());
    std::vector<char> Piece(Left);
    if (Error E = Machine.read(orc::ExecutorAddr(To + Text.size()), Piece)) {
      consumeError(std::move(E));
      return Text.empty() ? address(To) : showCharacters(Pointee, Text, true);
    }
    size_t End = 0;
    while (End < Piece.size() && !bits(ArrayRef(Piece).slice(End, Width)).isZero())
      End += Width;
    Text.append(Piece.data(), End);
    if (End < Piece.size())
      return showCharacters(Pointee, Text, false);
  }
  return showCharacters(Pointee, Text, true);
}

std::string Layout::showCharacters(QualType Element, ArrayRef<char> Bytes, bool IsCut) {
  size_t Width = static_cast<size_t>(Context.getTypeSizeInChars(Element).getQuantity());
  StringRef Text(Bytes.data(), Bytes.size());
  std::string Converted;
  if (Width == 2) {
    SmallVector<UTF16> Units(Bytes.size() / 2);
    std::memcpy(Units.data(), Bytes.data(), Units.size() * 2);
    if (!convertUTF16ToUTF8String(Units, Converted))
      return showArray(Element, Bytes.size() / Width, Bytes, 0, DepthLimit);
    Text = Converted;
  } else if (Width == 4) {
    SmallVector<UTF32> Units(Bytes.size() / 4);
    std::memcpy(Units.data(), Bytes.data(), Units.size() * 4);
    if (!convertUTF32ToUTF8String(Units, Converted))
      return showArray(Element, Bytes.size() / Width, Bytes, 0, DepthLimit);
    Text = Converted;
  }
  return prefixOf(Element.getCanonicalType()) + quote(Text, '"', IsCut);
}

std::string Layout::showArray(QualType Element, uint64_t Count, ArrayRef<char> Bytes, uint64_t At,
                              unsigned Depth) {
  uint64_t Size = static_cast<uint64_t>(Context.getTypeSizeInChars(Element).getQuantity());
  // A string is what ends in zeroes and has none before.
  if (isCharacter(Element)) {
    size_t Zero = 0;
    while (Zero < Bytes.size() && !bits(Bytes.slice(Zero, Size)).isZero())
      Zero += Size;
    if (Zero < Bytes.size() && bits(Bytes.drop_front(Zero)).isZero())
      return showCharacters(Element, Bytes.take_front(std::min<size_t>(Zero, StringLimit * Size)),
                            Zero > StringLimit * Size);
  }
  std::string Result = "{";
  for (uint64_t I = 0; I < Count; ++I) {
    Result += I ? ", " : " ";
    if (I == ElementLimit || (I + 1) * Size > Bytes.size()) {
      Result += formatv("... {0} more", Count - I).str();
      break;
    }
    Result += showBytes(Element, Bytes.slice(I * Size, Size), At + I * Size, Depth + 1);
  }
  return Result + (Count ? " }" : "}");
}

std::string Layout::showRecord(const RecordDecl &Declared, ArrayRef<char> Bytes, uint64_t At, unsigned Depth,
                               bool IsWhole) {
  const RecordDecl *Record = Declared.getDefinition();
  if (!Record || Record->isInvalidDecl())
    return "@" + address(At);
  const ASTRecordLayout &Layout = Context.getASTRecordLayout(Record);
  std::string Result = "{";
  auto Add = [&](StringRef Label, std::string Text) {
    Result += Result.size() > 1 ? ", " : " ";
    if (!Label.empty())
      Result += "." + Label.str() + " = ";
    Result += Text;
  };
  auto Slice = [&](uint64_t Offset, uint64_t Size) {
    return Offset + Size <= Bytes.size() ? Bytes.slice(Offset, Size) : ArrayRef<char>();
  };
  Unions += Record->isUnion();
  auto *Class = dyn_cast<CXXRecordDecl>(Record);
  if (Class)
    for (const CXXBaseSpecifier &Base : Class->bases()) {
      const CXXRecordDecl *Of = Base.getType()->getAsCXXRecordDecl();
      if (!Of || Base.isVirtual() || Of->isEmpty())
        continue;
      uint64_t Offset = static_cast<uint64_t>(Layout.getBaseClassOffset(Of).getQuantity());
      uint64_t Size = static_cast<uint64_t>(Context.getASTRecordLayout(Of).getNonVirtualSize().getQuantity());
      Add("", name(Base.getType()) + " " +
                  showRecord(*Of, Slice(Offset, Size), At + Offset, Depth + 1, /*IsWhole=*/false));
    }
  SmallVector<StringRef> Captures; // the fields of a lambda have no names
  if (Class && Class->isLambda())
    for (const LambdaCapture &Each : Class->captures())
      Captures.push_back(Each.capturesThis()       ? "this"
                         : Each.capturesVariable() ? Each.getCapturedVar()->getName()
                                                   : "");
  for (const FieldDecl *Field : Record->fields()) {
    StringRef Label = Field->getFieldIndex() < Captures.size() ? Captures[Field->getFieldIndex()]
                      : Field->isAnonymousStructOrUnion()      ? ""
                                                               : Field->getName();
    uint64_t Bit = Layout.getFieldOffset(Field->getFieldIndex()), Offset = Bit / 8;
    QualType Type = Field->getType();
    if (Field->isUnnamedBitField())
      continue;
    if (Field->isBitField()) {
      unsigned Width = Field->getBitWidthValue(), Size = Context.getIntWidth(Type);
      ArrayRef<char> Holds = Slice(Offset, (Bit % 8 + Width + 7) / 8);
      if (Holds.empty() || !Width)
        continue;
      APInt Value = bits(Holds).lshr(static_cast<unsigned>(Bit % 8)).trunc(Width);
      Add(Label, showScalar(Type.getCanonicalType(), Type->isSignedIntegerOrEnumerationType()
                                                         ? Value.sextOrTrunc(Size)
                                                         : Value.zextOrTrunc(Size)));
      continue;
    }
    if (Type->isIncompleteType()) { // a flexible array
      Add(Label, "...");
      continue;
    }
    uint64_t Size =
        static_cast<uint64_t>(Type->isReferenceType() ? 8 : Context.getTypeSizeInChars(Type).getQuantity());
    ArrayRef<char> Held = Slice(Offset, Size);
    Add(Label, Held.size() == Size ? showBytes(Type, Held, At + Offset, Depth + 1) : "...");
  }
  if (Class && IsWhole)
    for (const CXXBaseSpecifier &Base : Class->vbases())
      if (const CXXRecordDecl *Of = Base.getType()->getAsCXXRecordDecl(); Of && !Of->isEmpty()) {
        auto Place = placeOfVirtualBase(Context, Machine, *Class, *Of, At);
        std::vector<char> Memory(
            std::min(static_cast<uint64_t>(Context.getASTRecordLayout(Of).getNonVirtualSize().getQuantity()),
                     BytesLimit));
        Error Unread = Place ? Machine.read(orc::ExecutorAddr(*Place), Memory) : Error::success();
        bool IsRead = Place && !Unread;
        consumeError(std::move(Unread));
        Add("", name(Base.getType()) + " " +
                    (IsRead ? showRecord(*Of, Memory, *Place, Depth + 1, /*IsWhole=*/false) : "..."));
      }
  Unions -= Record->isUnion();
  return Result + (Result.size() > 1 ? " }" : "}");
}

} // namespace halo
