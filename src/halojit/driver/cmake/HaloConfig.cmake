# find_package(Halo): the target Halo::Halo, for builds with a clang 22 of one's own. Link it into
# executables and libraries: what it adds depends on the kind of target. Everything is found
# relative to this file, so the installed package can be moved.
get_filename_component(_halo_lib "${CMAKE_CURRENT_LIST_DIR}/../../lib" ABSOLUTE)
set(Halo_FOUND FALSE)
foreach(_halo_file HaloPass.so halo-image.o halo-monitor.o)
  if(NOT EXISTS "${_halo_lib}/${_halo_file}")
    set(Halo_NOT_FOUND_MESSAGE "${_halo_lib}/${_halo_file} is missing: run `make setup` again")
    return()
  endif()
endforeach()
foreach(_halo_language C CXX)
  set(_halo_compiler "${CMAKE_${_halo_language}_COMPILER_ID} ${CMAKE_${_halo_language}_COMPILER_VERSION}")
  if(CMAKE_${_halo_language}_COMPILER_LOADED AND NOT _halo_compiler MATCHES "^Clang 22\\.")
    set(Halo_NOT_FOUND_MESSAGE
      "Halo needs clang 22; CMAKE_${_halo_language}_COMPILER is ${_halo_compiler}")
    return()
  endif()
endforeach()

if(NOT TARGET Halo::Halo)
  add_library(Halo::Halo INTERFACE IMPORTED)
  target_compile_options(Halo::Halo INTERFACE
    "$<$<COMPILE_LANGUAGE:C,CXX>:-fpass-plugin=${_halo_lib}/HaloPass.so>")
  target_link_options(Halo::Halo INTERFACE
    "LINKER:--eh-frame-hdr" "LINKER:${_halo_lib}/halo-image.o"
    "$<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:LINKER:${_halo_lib}/halo-monitor.o>")
endif()
set(Halo_FOUND TRUE)
