package statement

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

// nameOf is the name that the server gives a column without AS. If it is that
// of the first column of a sub-select, that is returned.
func (l *lineage) nameOf(n *pg.Node) (string, *pg.SubLink) {
	name, link, sure := implied(n)
	if sure == 0 {
		return "?column?", nil
	}
	return name, link
}

// implied is the name of an expression, how sure it is (0 for none, 1 if a
// better one may stand inside), or the sub-select it is the name of.
func implied(n *pg.Node) (name string, link *pg.SubLink, sure int) {
	switch v := n.GetNode().(type) {
	case *pg.Node_ColumnRef:
		return lastName(nameList(v.ColumnRef.Fields))
	case *pg.Node_AIndirection:
		if name, _, sure = lastName(nameList(v.AIndirection.Indirection)); sure > 0 {
			return name, nil, sure
		}
		return implied(v.AIndirection.Arg)
	case *pg.Node_FuncCall:
		return lastName(nameList(v.FuncCall.Funcname))
	case *pg.Node_AExpr:
		if v.AExpr.Kind == pg.A_Expr_Kind_AEXPR_NULLIF {
			return "nullif", nil, 2
		}
	case *pg.Node_TypeCast:
		if name, link, sure = implied(v.TypeCast.Arg); sure > 1 {
			return name, link, sure
		}
		if last, _, has := lastName(nameList(v.TypeCast.GetTypeName().GetNames())); has > 0 {
			return last, nil, 1
		}
		return name, link, sure
	case *pg.Node_CollateClause:
		return implied(v.CollateClause.Arg)
	case *pg.Node_SubLink:
		return linkName(v.SubLink)
	case *pg.Node_CaseExpr:
		if name, link, sure = implied(v.CaseExpr.Defresult); sure > 1 {
			return name, link, sure
		}
		return "case", nil, 1
	}
	return wordName(n)
}

func lastName(names []string) (string, *pg.SubLink, int) {
	if len(names) == 0 {
		return "", nil, 0
	}
	return names[len(names)-1], nil, 2
}

func linkName(s *pg.SubLink) (string, *pg.SubLink, int) {
	switch s.SubLinkType {
	case pg.SubLinkType_EXISTS_SUBLINK:
		return "exists", nil, 2
	case pg.SubLinkType_ARRAY_SUBLINK:
		return "array", nil, 2
	case pg.SubLinkType_EXPR_SUBLINK:
		return "", s, 2
	}
	return "", nil, 0
}

// wordName is the name of what is written with words of its own.
func wordName(n *pg.Node) (string, *pg.SubLink, int) {
	name := ""
	switch v := n.GetNode().(type) {
	case *pg.Node_GroupingFunc:
		name = "grouping"
	case *pg.Node_MergeSupportFunc:
		name = "merge_action"
	case *pg.Node_AArrayExpr:
		name = "array"
	case *pg.Node_RowExpr:
		name = "row"
	case *pg.Node_CoalesceExpr:
		name = "coalesce"
	case *pg.Node_MinMaxExpr:
		name = map[pg.MinMaxOp]string{pg.MinMaxOp_IS_GREATEST: "greatest", pg.MinMaxOp_IS_LEAST: "least"}[v.MinMaxExpr.Op]
	case *pg.Node_SqlvalueFunction:
		name = sqlValueNames[v.SqlvalueFunction.Op]
	case *pg.Node_XmlExpr:
		name = xmlNames[v.XmlExpr.Op]
	case *pg.Node_XmlSerialize:
		name = "xmlserialize"
	default:
		name = jsonName(n)
	}
	if name == "" {
		return "", nil, 0
	}
	return name, nil, 2
}

func jsonName(n *pg.Node) string {
	switch v := n.GetNode().(type) {
	case *pg.Node_JsonParseExpr:
		return "json"
	case *pg.Node_JsonScalarExpr:
		return "json_scalar"
	case *pg.Node_JsonSerializeExpr:
		return "json_serialize"
	case *pg.Node_JsonObjectConstructor:
		return "json_object"
	case *pg.Node_JsonArrayConstructor, *pg.Node_JsonArrayQueryConstructor:
		return "json_array"
	case *pg.Node_JsonObjectAgg:
		return "json_objectagg"
	case *pg.Node_JsonArrayAgg:
		return "json_arrayagg"
	case *pg.Node_JsonFuncExpr:
		return map[pg.JsonExprOp]string{
			pg.JsonExprOp_JSON_EXISTS_OP: "json_exists", pg.JsonExprOp_JSON_QUERY_OP: "json_query",
			pg.JsonExprOp_JSON_VALUE_OP: "json_value",
		}[v.JsonFuncExpr.Op]
	}
	return ""
}

var sqlValueNames = map[pg.SQLValueFunctionOp]string{
	pg.SQLValueFunctionOp_SVFOP_CURRENT_DATE:        "current_date",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_TIME:        "current_time",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_TIME_N:      "current_time",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP:   "current_timestamp",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP_N: "current_timestamp",
	pg.SQLValueFunctionOp_SVFOP_LOCALTIME:           "localtime",
	pg.SQLValueFunctionOp_SVFOP_LOCALTIME_N:         "localtime",
	pg.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP:      "localtimestamp",
	pg.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP_N:    "localtimestamp",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_ROLE:        "current_role",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_USER:        "current_user",
	pg.SQLValueFunctionOp_SVFOP_USER:                "user",
	pg.SQLValueFunctionOp_SVFOP_SESSION_USER:        "session_user",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_CATALOG:     "current_catalog",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_SCHEMA:      "current_schema",
}

var xmlNames = map[pg.XmlExprOp]string{
	pg.XmlExprOp_IS_XMLCONCAT: "xmlconcat", pg.XmlExprOp_IS_XMLELEMENT: "xmlelement",
	pg.XmlExprOp_IS_XMLFOREST: "xmlforest", pg.XmlExprOp_IS_XMLPARSE: "xmlparse",
	pg.XmlExprOp_IS_XMLPI: "xmlpi", pg.XmlExprOp_IS_XMLROOT: "xmlroot",
}
