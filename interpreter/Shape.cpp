#include "Shape.h"

#include "Copy.h"
#include "Node.h"

#include "clang/AST/DeclTemplate.h"
#include "clang/Frontend/CompilerInstance.h"

using namespace llvm;
using namespace clang;

namespace halo {
namespace {

constexpr unsigned DepthLimit = 8;

class Describer {
public:
  explicit Describer(ASTContext &Context) : Context(Context), Policy(Context.getPrintingPolicy()) {
    Policy.FullyQualifiedName = true;
    Policy.PrintAsCanonical = true;
  }

  json::Object shape(QualType Type, unsigned Depth = 0) {
    Type = Type.getNonReferenceType().getCanonicalType();
    json::Object Result{{"type", Type.getUnqualifiedType().getAsString(Policy)}};
    auto Be = [&](const char *Kind) {
      Result["kind"] = Kind;
      return std::move(Result);
    };
    if (Type->isVoidType())
      return Be("void");
    if (Depth > DepthLimit || Type->isDependentType())
      return Be("other");
    if (auto Code = numberCode(Context, Type)) {
      Result["code"] = std::string(1, Code->Code);
      Result["bytes"] = Context.getTypeSizeInChars(Type).getQuantity();
      return Be("number");
    }
    if (isCharacter(Type)) {
      Result["bytes"] = Context.getTypeSizeInChars(Type).getQuantity();
      return Be("character");
    }
    if (auto *Enum = Type->getAs<EnumType>()) {
      json::Object Names;
      for (const EnumConstantDecl *Each : Enum->getDecl()->getDefinitionOrSelf()->enumerators())
        Names[Each->getName()] = Each->getInitVal().getExtValue();
      Result["names"] = std::move(Names);
      return Be("enum");
    }
    if (Type->isPointerType()) {
      QualType To = Type->getPointeeType();
      if (Context.hasSameUnqualifiedType(To, Context.CharTy) && To.isConstQualified()) {
        Result["bytes"] = 1;
        Result["view"] = true;
        return Be("text");
      }
      if (!To->isVoidType() && numberCode(Context, To))
        Result["to"] = shape(To, Depth + 1);
      Result["const"] = To.isConstQualified();
      return Be("pointer");
    }
    if (Context.getAsConstantArrayType(Type)) {
      json::Array Sizes;
      QualType Element = Type;
      while (auto *Array = Context.getAsConstantArrayType(Element)) {
        Sizes.push_back(Array->getZExtSize());
        Element = Array->getElementType();
      }
      Result["dims"] = std::move(Sizes);
      Result["of"] = shape(Element, Depth + 1);
      return Be("array");
    }
    if (auto *Function = Type->getAs<FunctionProtoType>()) {
      json::Array Parameters;
      for (QualType Each : Function->param_types()) {
        json::Object Parameter = shape(Each, Depth + 1);
        Parameter["pass"] = pass(Each, Parameter);
        Parameters.push_back(std::move(Parameter));
      }
      Result["parameters"] = std::move(Parameters);
      json::Object Returned = shape(Function->getReturnType(), Depth + 1);
      Returned["pass"] = pass(Function->getReturnType(), Returned);
      Result["returns"] = std::move(Returned);
      return Be("function");
    }
    const CXXRecordDecl *Class = Type->getAsCXXRecordDecl();
    if (!Class || !(Class = Class->getDefinition()))
      return Be("other");
    if (auto *Made = dyn_cast<ClassTemplateSpecializationDecl>(Class); Made && Class->isInStdNamespace())
      if (const char *Kind = describeLibrary(*Made, Result, Depth))
        return Be(Kind);
    if (Class->isInStdNamespace() || !Class->isAggregate() || Class->isUnion())
      return Be("other");
    json::Array Fields;
    if (!addFields(*Class, Fields, Depth))
      return Be("other");
    Result["fields"] = std::move(Fields);
    return Be("record");
  }

private:
  static std::string pass(QualType Type, const json::Object &Shape) {
    QualType Object = Type.getNonReferenceType();
    return ("__halo::same<" + Shape.getString("type").value_or("") + ">" +
            (Object.isConstQualified() ? " const" : "") + (Object.isVolatileQualified() ? " volatile" : "") +
            (Type->isLValueReferenceType()   ? " &"
             : Type->isRValueReferenceType() ? " &&"
                                             : ""))
        .str();
  }

  const char *describeLibrary(const ClassTemplateSpecializationDecl &Made, json::Object &Result,
                              unsigned Depth) {
    const TemplateArgumentList &Arguments = Made.getTemplateArgs();
    StringRef Name = Made.getName();
    auto Argument = [&](unsigned I) { return shape(Arguments[I].getAsType(), Depth + 1); };
    if (Name == "basic_string" || Name == "basic_string_view") {
      Result["bytes"] = Context.getTypeSizeInChars(Arguments[0].getAsType()).getQuantity();
      Result["view"] = Name == "basic_string_view";
      return "text";
    }
    if (Name == "complex" && Arguments[0].getAsType()->isRealFloatingType()) {
      int64_t Bytes = Context.getTypeSizeInChars(Arguments[0].getAsType()).getQuantity();
      if (Bytes > 8)
        return nullptr;
      Result["code"] = "c";
      Result["bytes"] = 2 * Bytes;
      return "number";
    }
    if (Name == "array") {
      Result["dims"] = json::Array{Arguments[1].getAsIntegral().getExtValue()};
      Result["of"] = Argument(0);
      return "array";
    }
    if (Name == "pair" || Name == "tuple") {
      json::Array Parts;
      for (const TemplateArgument &Each : Arguments.asArray())
        for (const TemplateArgument &Part :
             Each.getKind() == TemplateArgument::Pack ? Each.pack_elements() : ArrayRef(Each))
          Parts.push_back(shape(Part.getAsType(), Depth + 1));
      Result["of"] = std::move(Parts);
      return "tuple";
    }
    if (Name == "map" || Name == "unordered_map") {
      Result["key"] = Argument(0);
      Result["of"] = Argument(1);
      return "map";
    }
    const char *Kind = StringSwitch<const char *>(Name)
                           .Cases({"vector", "deque", "list"}, "vector")
                           .Cases({"set", "unordered_set", "multiset"}, "set")
                           .Case("optional", "optional")
                           .Case("span", "span")
                           .Default(nullptr);
    if (!Kind || (StringRef(Kind) == "span" && Arguments[1].getAsIntegral().getExtValue() != -1))
      return nullptr;
    if (StringRef(Kind) == "span") {
      QualType Of = Arguments[0].getAsType();
      Result["const"] = Of.isConstQualified();
      Result["type"] = "std::span<" + Of.getAsString(Policy) + ">"; // its extent has no good spelling
    }
    Result["of"] = Argument(0);
    return Kind;
  }

  // Those of bases too. False: somebody else must make it.
  bool addFields(const CXXRecordDecl &Class, json::Array &Fields, unsigned Depth) {
    for (const CXXBaseSpecifier &Base : Class.bases()) {
      const CXXRecordDecl *Of = Base.getType()->getAsCXXRecordDecl();
      if (!Of || !(Of = Of->getDefinition()) || !addFields(*Of, Fields, Depth))
        return false;
    }
    for (const FieldDecl *Field : Class.fields()) {
      if (Field->isUnnamedBitField())
        continue;
      if (!Field->getIdentifier() || Field->getType()->isReferenceType() ||
          Field->getType()->isIncompleteType())
        return false;
      json::Object Each = shape(Field->getType(), Depth + 1);
      Each["name"] = Field->getName();
      Fields.push_back(std::move(Each));
    }
    return true;
  }

  ASTContext &Context;
  PrintingPolicy Policy;
};

} // namespace

json::Object shapeOf(Compiler &C, StringRef Type) {
  return objectInCopy([&]() -> json::Object {
    bool IsCompiled = !!C.compile(("using __halo_shaped = __halo::same<" + Type + "\n>;").str());
    ASTContext &Context = C.instance().getASTContext();
    if (IsCompiled)
      for (NamedDecl *D :
           Context.getTranslationUnitDecl()->getFirstDecl()->lookup(&Context.Idents.get("__halo_shaped")))
        if (auto *Named = dyn_cast<TypedefNameDecl>(D))
          return json::Object{{"shape", Describer(Context).shape(Named->getUnderlyingType())}};
    return json::Object{{"diagnostics", json::fixUTF8(C.takeDiagnostics())}};
  });
}

} // namespace halo
