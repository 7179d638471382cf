# find_package(Halo): the target Halo::Halo for executables and Halo::Library for shared libraries, both for clang 22.
get_filename_component(_halo_lib "${CMAKE_CURRENT_LIST_DIR}/../../lib" ABSOLUTE)
foreach(_halo_file HaloPass.so halo-image.o halo-monitor.o)
  if(NOT EXISTS "${_halo_lib}/${_halo_file}")
    set(Halo_FOUND FALSE)
    set(Halo_NOT_FOUND_MESSAGE "${_halo_lib}/${_halo_file} is missing: run `make setup` again")
    return()
  endif()
endforeach()
foreach(_halo_language C CXX)
  if(CMAKE_${_halo_language}_COMPILER_LOADED AND
     (NOT CMAKE_${_halo_language}_COMPILER_ID STREQUAL "Clang" OR
      NOT CMAKE_${_halo_language}_COMPILER_VERSION VERSION_GREATER_EQUAL 22 OR
      NOT CMAKE_${_halo_language}_COMPILER_VERSION VERSION_LESS 23))
    set(Halo_FOUND FALSE)
    set(Halo_NOT_FOUND_MESSAGE
      "Halo needs clang 22; CMAKE_${_halo_language}_COMPILER is ${CMAKE_${_halo_language}_COMPILER_ID} ${CMAKE_${_halo_language}_COMPILER_VERSION}")
    return()
  endif()
endforeach()

if(NOT TARGET Halo::Halo)
  add_library(Halo::Library INTERFACE IMPORTED)
  target_compile_options(Halo::Library INTERFACE
    $<$<COMPILE_LANGUAGE:C,CXX>:-fpass-plugin=${_halo_lib}/HaloPass.so>)
  target_link_options(Halo::Library INTERFACE
    "SHELL:-Xlinker --eh-frame-hdr" "SHELL:-Xlinker ${_halo_lib}/halo-image.o")
  add_library(Halo::Halo INTERFACE IMPORTED)
  target_link_libraries(Halo::Halo INTERFACE Halo::Library)
  target_link_options(Halo::Halo INTERFACE "SHELL:-Xlinker ${_halo_lib}/halo-monitor.o")
endif()
set(Halo_FOUND TRUE)
