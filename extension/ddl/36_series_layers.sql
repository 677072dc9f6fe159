-- Any table or SELECT in, a dense series out.  Rights are the caller's.
--
-- All take the same arguments after what they read.  "during" is a range of
-- instants, of local days of tz, or words such as 'this_7_days'
-- (tally.timeframe): hence three functions of each name, which are written
-- here once.
DO $do$
DECLARE
    tail CONSTANT text :=
        'measures text[] DEFAULT ''{count}'', group_by text[] DEFAULT ''{}'','
        ' tz text DEFAULT NULL, origin timestamptz DEFAULT NULL,'
        ' week_start int DEFAULT 1, filters jsonb DEFAULT NULL,'
        ' groups text DEFAULT ''seen'', members jsonb DEFAULT NULL,'
        ' top int DEFAULT NULL, top_by text DEFAULT NULL,'
        ' other text DEFAULT NULL, fill jsonb DEFAULT NULL,'
        ' seed bool DEFAULT false, max_gap interval DEFAULT NULL,'
        ' compare interval DEFAULT NULL';
    types CONSTANT text :=
        'interval, %s, text[], text[], text, timestamptz, int, jsonb, text,'
        ' jsonb, int, text, text, jsonb, bool, interval, interval';
    long CONSTANT text :=
        'TABLE (bucket timestamptz, bucket_end timestamptz, keys jsonb,'
        ' measure text, value double precision, is_filled bool,'
        ' is_partial bool)';
    f record;
    during text;
BEGIN
    FOR f IN SELECT * FROM (VALUES
        ('series', 'source regclass', 'regclass', 'SETOF record',
         'tally_series',
         'A dense series of a table: every bucket for every group. Columns: bucket, the group columns, the measures; with compare each measure again for the earlier period.'),
        ('series_long', 'source regclass', 'regclass', long,
         'tally_series_long',
         'A dense series of a table in long form: one row a bucket, group and measure; keys are a JSON object; counts fill with 0, other measures with null.'),
        ('series_query', 'query text, params jsonb', 'text, jsonb',
         'SETOF record', 'tally_series_query',
         'tally.series() of the rows of one SELECT; params are the values of its $1, $2 ...'),
        ('series_query_long', 'query text, params jsonb', 'text, jsonb', long,
         'tally_series_query_long',
         'tally.series_long() of the rows of one SELECT; params are the values of its $1, $2 ...'),
        ('series_json', 'source regclass', 'regclass', 'jsonb',
         'tally_series_json_document',
         'A dense series of a table as one document: {axis: [{start, end, partial}], series: [{key: {..}, measure: [..]}], meta: {..}}.'),
        ('series_query_json', 'query text, params jsonb', 'text, jsonb',
         'jsonb', 'tally_series_query_json_document',
         'tally.series_json() of the rows of one SELECT; params are the values of its $1, $2 ...'),
        ('series_json_rows', 'source regclass', 'regclass', 'SETOF text',
         'tally_series_json_rows',
         'A dense series of a table as JSON in pieces: first {keys: [{..}], meta: {..}}, then a row a bucket, {start, end, partial, values: {measure: [..]}}.'),
        ('series_query_json_rows', 'query text, params jsonb', 'text, jsonb',
         'SETOF text', 'tally_series_query_json_rows',
         'tally.series_json_rows() of the rows of one SELECT; params are the values of its $1, $2 ...')
        ) v(name, head, head_types, result, symbol, about)
    LOOP
        FOREACH during IN ARRAY '{tstzrange,daterange,text}'::text[] LOOP
            EXECUTE format(
                'CREATE FUNCTION tally.%s(%s, axis name, every interval,'
                ' during %s, %s) RETURNS %s LANGUAGE C STABLE PARALLEL UNSAFE'
                ' COST 100000 %s AS ''MODULE_PATHNAME'', %L',
                f.name, f.head, during, tail, f.result,
                CASE f.result WHEN 'jsonb' THEN '' ELSE 'ROWS 1000' END,
                f.symbol);
            EXECUTE format('COMMENT ON FUNCTION tally.%s(%s, name, %s) IS %L',
                f.name, f.head_types, format(types, during), f.about);
        END LOOP;
    END LOOP;
END
$do$;
