# The two helpers that every folder uses: a module is a static library of the .c files of its
# folders, a unit test is one file.

set(SLUICE_WARNINGS
    -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes -Wswitch-enum
    -Wimplicit-fallthrough -Wvla -Wundef -Wformat=2)
if(SLUICE_WERROR)
    list(APPEND SLUICE_WARNINGS -Werror)
endif()

# Settings of every target of ours.
function(sluice_settings target)
    target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE
        SLUICE_VERSION="${PROJECT_VERSION}")
    target_compile_options(${target} PRIVATE ${SLUICE_WARNINGS})
endfunction()

# add_module(name FOLDERS a b LINKS x y): the .c files of the folders (relative to this one; "." is
# this one), linked to what LINKS names and to nothing else.
function(add_module name)
    cmake_parse_arguments(MODULE "" "" "FOLDERS;LINKS" ${ARGN})
    set(sources)
    foreach(folder IN LISTS MODULE_FOLDERS)
        file(GLOB found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.c)
        list(APPEND sources ${found})
    endforeach()
    list(FILTER sources EXCLUDE REGEX "_main\\.c$")
    add_library(${name} STATIC ${sources})
    sluice_settings(${name})
    target_link_libraries(${name} PUBLIC ${MODULE_LINKS})
endfunction()

# add_program(name main.c LINKS x y)
function(add_program name main)
    cmake_parse_arguments(PROGRAM "" "" "LINKS" ${ARGN})
    add_executable(${name} ${main})
    sluice_settings(${name})
    target_link_libraries(${name} PRIVATE ${PROGRAM_LINKS})
endfunction()

# add_units(folder LINKS x y): each folder/test_*.c is one cmocka program with the label unit.
find_library(CMOCKA_LIBRARY cmocka)
function(add_units folder)
    cmake_parse_arguments(UNITS "" "" "LINKS" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/test_*.c)
    foreach(source IN LISTS sources)
        get_filename_component(name ${source} NAME_WE)
        add_executable(${name} ${source})
        sluice_settings(${name})
        target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/unit)
        target_compile_definitions(${name} PRIVATE
            TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data" SOURCE_ROOT="${PROJECT_SOURCE_DIR}")
        target_link_libraries(${name} PRIVATE ${UNITS_LINKS} ${CMOCKA_LIBRARY})
        add_test(NAME unit.${name} COMMAND ${name})
        set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 300)
    endforeach()
endfunction()
