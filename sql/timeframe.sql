-- Words for ranges of time, on the calendar of a zone, at an instant.
SET timezone = 'UTC';

-- it is Wednesday 2025-03-12, half past two in the afternoon
SELECT w, tally.timeframe(w, 'UTC', '2025-03-12 14:30:20Z')
FROM unnest('{this_minute,this_hour,this_day,this_week,this_month,this_quarter,this_year,
	this_1_days,this_7_days,this_2_weeks,this_3_months,this_2_quarters,this_2_years,this_90_minutes,this_24_hours,
	previous_minute,previous_hour,previous_day,previous_week,previous_month,previous_quarter,previous_year,
	previous_7_days,previous_2_weeks,previous_3_months,previous_1_month,previous_24_hours,
	last_7_days,last_month,today,yesterday}'::text[]) WITH ORDINALITY AS _(w, n) ORDER BY n;

-- units are those of the zone: it is already Thursday in Tokyo at four
SET timezone = 'Asia/Tokyo';
SELECT tally.timeframe('this_day', 'Asia/Tokyo', '2025-03-12 19:00Z');
SELECT tally.timeframe('yesterday', 'Asia/Tokyo', '2025-03-12 19:00Z');
-- hours are those that the local clock shows
SELECT tally.timeframe('previous_hour', 'Asia/Kolkata', '2025-03-12 14:50Z');
-- a null zone, or none, is the session's
SELECT tally.timeframe('previous_day', NULL, '2025-03-12 19:00Z'), tally.timeframe('previous_day', at => '2025-03-12 19:00Z');

-- across a change of clocks
SET timezone = 'America/New_York';
SELECT tally.timeframe('previous_2_weeks', 'America/New_York', '2025-03-19 12:00-04');
SELECT tally.timeframe('yesterday', 'America/New_York', '2025-03-10 00:00-04');
SELECT tally.timeframe('this_3_hours', 'America/New_York', '2025-03-09 03:30-04');

-- weeks start on Sunday, or on week_start
SET timezone = 'UTC';
SELECT d, tally.timeframe('this_week', 'UTC', '2025-03-12 14:30Z', d) FROM generate_series(1, 7) d;
-- on a Sunday and on a Saturday
SELECT tally.timeframe('this_week', 'UTC', '2025-03-09 14:30Z'), tally.timeframe('this_week', 'UTC', '2025-03-08 14:30Z');

-- the first of a month, of a year; before 1970
SELECT tally.timeframe('previous_month', 'UTC', '2024-03-01 00:00Z'), tally.timeframe('previous_13_months', 'UTC', '2025-01-01 00:00Z');
SELECT tally.timeframe('previous_week', 'UTC', '1969-12-31 23:00Z'), tally.timeframe('this_2_years', 'UTC', '0001-06-01 00:00Z');

-- at the very start of a unit "this" is a microsecond: a range is never empty
SELECT tally.timeframe('this_day', 'UTC', '2025-03-12 00:00Z');

-- the day before 31 December 2011 was the 29th in Apia
SET timezone = 'Pacific/Apia';
SELECT tally.timeframe('yesterday', 'Pacific/Apia', '2011-12-31 12:00+14');

-- ranges, on the clock of the zone; dates at the ends are whole days
SET timezone = 'UTC';
SELECT tally.timeframe('[2025-03-01,2025-04-01)', 'Europe/Berlin');
SELECT tally.timeframe('[2025-03-01,2025-03-31]', 'Europe/Berlin');
SELECT tally.timeframe('(2025-03-01,2025-03-31)', 'UTC');
SELECT tally.timeframe('[2025-03-01 06:00,2025-03-01T18:00:00.5]', 'UTC');
SELECT tally.timeframe(' [ "2025-03-01 06:00:00Z" , 2025-03-01T18:00:00+02:00 ) ', 'America/New_York');

-- from words to buckets: from midnight six days ago to the end of today
SELECT count(*), min(bucket) = date_trunc('day', now(), 'Asia/Tokyo') - interval '144 hours' AS from_midnight,
	max(bucket_end) > now() AS to_now, bool_or(partial) AS partial
FROM tally.buckets(tally.grid('1 day', 'this_7_days', 'Asia/Tokyo'));

-- nothing in, nothing out
SELECT tally.timeframe(NULL, 'UTC') IS NULL AS none;

-- what is not understood, one by one
CREATE FUNCTION pg_temp.why(words text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	RETURN tally.timeframe(words, 'UTC', '2025-03-12 14:30Z');
EXCEPTION WHEN SQLSTATE 'TL001' THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN detail;
END $$;
SELECT w, pg_temp.why(w)
FROM unnest(ARRAY['', 'this', 'this_', 'this_0_days', 'this_7', 'this_7_', 'this_7_fortnights', 'this_7days',
	'this_-7_days', 'this_1.5_days', 'next_week', 'This_7_days', 'this_7_days ', 'this_7_dayss', 'this_days_7',
	'previous_1000000000_days', 'this_999999999_days', 'previous_999999999_years', 'this_5000000_months',
	'previous_6800_years', 'todays', 'yesterday_', 'now', '[]', '[,]', '[2025-03-01]', '[2025-03-01,2025-03-02',
	'[2025-03-01,2025-03-02,2025-03-03)', '[tomorrow,2025-03-02)', '[2025-03-02,2025-03-01]',
	'(2025-03-01,2025-03-02)']) WITH ORDINALITY AS _(w, n) ORDER BY n;
SELECT tally.timeframe('this_0_days', 'UTC');
SELECT tally.timeframe(repeat('ä', 100), 'UTC');
SELECT tally.timeframe('this_week', 'UTC', now(), 0);
SELECT tally.timeframe('this_week', 'UTC', 'infinity');
SELECT tally.timeframe('this_week', 'Utopia');
