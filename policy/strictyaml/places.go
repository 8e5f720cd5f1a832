package strictyaml

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
)

// Places tells where the values of the document stand. A value is named by the
// keys and entries on the way to it, as in listen[0].address; entries count
// from 0. The document itself has the name "".
func (d *Document) Places() map[string]Position {
	places := map[string]Position{}
	if d.body != nil {
		notePlaces(d.body, "", places)
	}
	return places
}

func notePlaces(n ast.Node, path string, places map[string]Position) {
	if n == nil {
		return
	}
	places[path] = place(n)
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			notePlaces(v.Value, Join(path, v.Key.GetToken().Value), places)
		}
	case *ast.MappingValueNode:
		notePlaces(n.Value, Join(path, n.Key.GetToken().Value), places)
	case *ast.SequenceNode:
		for i, v := range n.Values {
			notePlaces(v, fmt.Sprintf("%s[%d]", path, i), places)
		}
	}
}

// Join names the value of a key inside another value, as Places does.
func Join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
