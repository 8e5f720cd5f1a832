// Package carry runs copies that Sluice carries from one real server to another:
// decided, measured, moved, published, recorded.
package carry
