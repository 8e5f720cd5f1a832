// Package house checks what surrounds the code: that imports point the way
// they should, that the README names what exists and nothing else, that the
// examples load, that the program ends with the exit codes it promises, and
// that the image would be built from what is here. It needs no server.
package house
