"""The words of SQL that people may use: what is not on these lists is refused, also what is new.

An engine has functions that read files, ask other databases, show its settings and delete; a list of the
forbidden ones would be out of date with the next release. The first wall only: the reader's rights are the
boundary.
"""

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Clauses, operators and literals, by the names of sqlglot's node classes.
STRUCTURE: Final = _words(
    """
    Select From Join Where Group Having Qualify Order Ordered Limit Offset With CTE Subquery Union
    Intersect Except Distinct Table TableAlias Alias Aliases Column Identifier Star Paren Tuple Var
    Literal Null Boolean Case If Cast TryCast DataType DataTypeParam ColumnDef Interval IntervalSpan
    Between In Exists Any All Is Not And Or Xor EQ NEQ GT GTE LT LTE NullSafeEQ NullSafeNEQ Like
    ILike SimilarTo Escape RegexpLike RegexpILike Add Sub Mul Div IntDiv Mod Neg BitwiseAnd
    BitwiseOr BitwiseXor BitwiseNot BitwiseLeftShift BitwiseRightShift DPipe Concat ConcatWs Dot
    Bracket Slice Lambda Kwarg PropertyEQ Placeholder Parameter Window WindowSpec WithinGroup Filter
    IgnoreNulls RespectNulls AtTimeZone Collate Rollup Cube GroupingSets Values Unnest Lateral Array
    Struct Map List GenerateSeries Grouping Fetch Hint NamedArgument
    """
)

# Functions that sqlglot knows, by the names of their classes.
KNOWN: Final = _words(
    """
    Sum Count CountIf Avg Min Max Median Quantile PercentileCont PercentileDisc ApproxQuantile
    ApproxDistinct Stddev StddevPop StddevSamp Variance VariancePop Corr CovarPop CovarSamp ArgMax
    ArgMin First Last AnyValue ArrayAgg GroupConcat LogicalAnd LogicalOr Mode Skewness Kurtosis
    RegrSlope RegrIntercept RegrR2 RegrCount RegrAvgx RegrAvgy RegrSxx RegrSxy RegrSyy RowNumber
    Rank DenseRank PercentRank CumeDist Ntile Lag Lead FirstValue LastValue NthValue Upper Lower
    Trim Length Substring Concat ConcatWs Replace Split SplitPart StrPosition Left Right Pad Repeat
    Reverse Initcap RegexpExtract RegexpExtractAll RegexpReplace RegexpLike RegexpFullMatch
    RegexpSplit RegexpCount StartsWith EndsWith Contains Chr Unicode Ascii Levenshtein MD5 SHA2
    Translate Hex Abs Ceil Floor Round Sign Sqrt Cbrt Exp Ln Log Pow Greatest Least Sin Cos Tan Asin
    Acos Atan Atan2 Sinh Cosh Tanh Pi Trunc IsNan IsInf Radians Degrees WidthBucket Factorial
    DateTrunc TimestampTrunc DatetimeTrunc DateDiff DatetimeDiff TimestampDiff DateAdd DatetimeAdd
    TimestampAdd DateSub DatetimeSub TimestampSub TsOrDsAdd TsOrDsDiff Extract CurrentDate
    CurrentTimestamp CurrentTime CurrentDatetime Date Year Month Day DayOfWeek DayOfWeekIso
    DayOfMonth DayOfYear Week WeekOfYear Quarter Hour Minute Second LastDay MakeInterval TimeToStr
    StrToTime StrToDate TsOrDsToDate TsOrDsToTimestamp UnixToTime TimeToUnix DateFromParts
    TimestampFromParts DateStrToDate TimeStrToTime TimeStrToDate Dayname Monthname ToDays DateBin
    TimeFromParts Epoch EpochMs UnixMicros UnixMillis UnixSeconds DateToDateStr Coalesce Nullif If
    Case Cast TryCast Nvl2 Decode Array List ArraySize ArrayContains ArrayContainsAll ArrayOverlaps
    ArrayFilter Transform SortArray ArraySort ArrayDistinct ArrayConcat ArrayCat ArrayToString
    ArraySlice ArraySum ArrayAny ArrayAll ArrayMax ArrayMin ArrayFirst ArrayLast ArrayReverse
    ArrayPosition ArrayUniqueAgg ArrayPrepend ArrayAppend StringToArray Flatten Explode Unnest
    GenerateSeries GenerateDateArray Struct StructExtract JSONExtract JSONExtractScalar ParseJSON
    And Or Xor Exists ToChar ToNumber ToBase64 TimeStrToUnix
    """
)

# Functions of DuckDB that sqlglot passes on by their names.
BY_NAME: Final = _words(
    """
    age any_value arg_max arg_min array_agg array_length avg bar bit_count bool_and bool_or
    cardinality ceiling century concat contains count_if count_star date_add date_bin date_diff
    date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth
    dayofweek dayofyear decade div ends_with entropy epoch epoch_ms epoch_ns epoch_us even favg fdiv
    first fmod format fsum gamma gcd geomean geometric_mean greatest hamming histogram hour
    ilike_escape instr isfinite isinf isnan iso_week isodow isoyear jaccard jaro_similarity
    jaro_winkler_similarity julian kahan_sum kurtosis last last_day lcase lcm least len lgamma
    like_escape list list_aggregate list_any_value list_append list_avg list_concat list_contains
    list_count list_distinct list_element list_extract list_filter list_first list_has list_has_all
    list_has_any list_indexof list_last list_max list_median list_min list_mode list_position
    list_product list_reduce list_resize list_reverse list_reverse_sort list_select list_slice
    list_sort list_stddev_pop list_stddev_samp list_string_agg list_sum list_transform list_unique
    list_value list_var_pop list_var_samp list_where list_zip log10 log2 lpad ltrim mad make_date
    make_time make_timestamp map map_entries map_extract map_keys map_values max_by md5 median
    microsecond millisecond min_by minute mode month monthname multiply nfc_normalize ord position
    prefix printf product quantile quantile_cont quantile_disc quarter regexp_extract
    regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array rpad
    round_even rtrim second sem sha256 skewness split starts_with stats str_split str_split_regex
    strftime string_agg string_split string_split_regex strip_accents strlen strpos strptime
    subtract suffix time_bucket timezone to_base to_centuries to_days to_decades to_hours
    to_microseconds to_milliseconds to_minutes to_months to_seconds to_timestamp to_weeks to_years
    translate trunc try_strptime typeof ucase unicode unpivot_list week weekday weekofyear year
    yearweek
    """
)

# What gives another result each time: nobody could verify it.
BY_CHANCE: Final = frozenset(
    {"random", "uuid", "gen_random_uuid", "setseed", "reservoir_quantile", "rand", "shuffle"}
)
