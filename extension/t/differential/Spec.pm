# Spec.pm
#     Draws one specification: which table, which buckets, which measures of
#     which groups, filled how, asked for by which of Tally's functions.  Both
#     sides are written from it: Ours.pm and Plain.pm.
package Spec;

use strict;
use warnings;
use Exporter qw(import);
use Tables qw(pick chance ident literal);
our @EXPORT_OK = qw(draw);

my @ZONES = ('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe',
	'Pacific/Apia', 'America/St_Johns', 'Africa/Casablanca', 'Pacific/Chatham', 'America/Sao_Paulo');

# What the session is set to: a zone of its own shows any use of it where
# another was meant.
our $SESSION_ZONE = 'America/St_Johns';

# [step, about how many seconds]
my @STEPS = (
	[ '1 hour', 3600 ], [ '1 hour', 3600 ], [ '15 min', 900 ], [ '30 min', 1800 ], [ '6 hours', 21600 ],
	[ '90 min', 5400 ], [ '7 min', 420 ], [ '24 hours', 86400 ], [ '37.5 s', 37.5 ], [ '1 day', 86400 ], [ '1 day', 86400 ],
	[ '1 day', 86400 ], [ '2 days', 172800 ], [ '1 week', 604800 ], [ '1 week', 604800 ], [ '10 days', 864000 ],
	[ '1 mon', 2630000 ], [ '1 mon', 2630000 ], [ '3 mons', 7890000 ], [ '5 mons', 13150000 ], [ '1 year', 31557600 ]);

# A grid whose boundaries are among those of another: [fine, coarse, longest]
my @NESTED = ([ '1 hour', '1 day', 2 ], [ '1 day', '1 week', 28 ], [ '1 day', '1 mon', 61 ], [ '1 mon', '3 mons', 366 ], [ '6 hours', '1 day', 9 ]);

my @NUMBERS = qw(i2 i4 i8 nu f8);

sub axis_zone { return $_[0]{tz} // $SESSION_ZONE }

# buckets(spec) -- step, range, zone and origin: some tens of buckets.
sub buckets
{
	my ($s) = @_;
	my $t = $s->{table};
	my $step = pick(@STEPS);
	$s->{every} = $step->[0];
	$s->{tz} = chance(0.1) ? undef : chance(0.5) ? $t->{zone} : pick(@ZONES);
	$s->{week_start} = chance(0.3) ? 1 + int rand 7 : 1;
	$s->{origin} = pick("2000-01-31 00:00Z", "$t->{day} 05:30Z", "1999-07-01 00:00+02", "2021-02-03 04:05:06.789Z") if chance(0.2);

	my $length = $step->[1] * (0.3 + rand 24);
	my $off = int((rand() - 0.5) * $length * pick(0.2, 1, 1));
	my $kind = $length > 40000 ? pick(qw(instants instants dates text)) : 'instants';
	if ($kind eq 'instants')
	{
		if (@{ $t->{minutes} } && chance(0.7))
		{
			ends_on_rows($s, $length);
			return;
		}
		$off = 3600 * int($off / 3600) if chance(0.5);
		$s->{lower} = "timestamptz '$t->{day} 00:00Z' + interval '$off s'";
		$s->{upper} = "$s->{lower} + interval '" . (chance(0.5) ? 3600 * (1 + int($length / 3600)) : $length) . " s'";
		$s->{during} = "tstzrange($s->{lower}, $s->{upper})";
		return;
	}
	my $first = int($off / 86400);
	my $last = $first + 1 + int($length / 86400);

	# the midnight of a row, by the clock that it is of
	my @midnights = grep { $_ % 1440 == 0 } @{ $t->{minutes} };
	if (@midnights && chance(0.6))
	{
		my $days = $last - $first;
		$s->{tz} = $t->{zone} if chance(0.8);
		$last = pick(@midnights) / 1440 + (chance(0.3) ? $days : 0);
		$first = $last - $days;
	}
	days($s, $kind, $first, $last);
	return;
}

# ends_on_rows(spec, seconds) -- a range that ends or begins, or both, just where
# there are rows; often that is where a bucket does.
sub ends_on_rows
{
	my ($s, $seconds) = @_;
	my $t = $s->{table};
	my @hours = grep { $_ % 60 == 0 } @{ $t->{minutes} };
	my $row = sub {
		return pick(@hours && chance(0.5) ? @hours : @{ $t->{minutes} });
	};
	my $at = sub { return "((timestamp '$t->{day}' + interval '$_[0] min') AT TIME ZONE '$t->{zone}')" };
	my ($one, $two) = sort { $a <=> $b } $row->(), $row->();
	my ($lower, $upper);

	# minutes of a clock that was put back, or left out a day, may be of instants
	# in another order: so far apart that they are not
	my $apart = $t->{zone} eq 'Pacific/Apia' ? 27 * 60 : 180;
	if (($two - $one) * 60 < 40 * $seconds && $two - $one > $apart && chance(0.3)) { ($lower, $upper) = ($at->($one), $at->($two)) }
	elsif (chance(0.3)) { ($lower, $upper) = ($at->($two), '(' . $at->($two) . " + interval '$seconds s')") }
	else { ($lower, $upper) = ('(' . $at->($two) . " - interval '$seconds s')", $at->($two)) }
	@{$s}{qw(lower upper)} = ($lower, $upper);
	$s->{during} = "tstzrange($lower, $upper)";
	return;
}

# days(spec, kind, first, last) -- a range of local days, counted from the era's.
sub days
{
	my ($s, $kind, $first, $last) = @_;
	my @day = map { "(date '$s->{table}{day}' + $_)" } $first, $last;
	my $zone = literal(axis_zone($s));
	($s->{lower}, $s->{upper}) = map { "plain.instant($_\::timestamp, $zone)" } @day;
	$s->{during} = $kind eq 'dates' ? "daterange($day[0], $day[1])" : "('[' || $day[0] || ',' || $day[1] || ')')::text";
	return;
}

# Paths into documents: [as a measure or key is written, column, path]
my @KEY_PATHS = ([ '"Doc".kind', 'Doc', '{kind}' ], [ '"Doc".geo.city', 'Doc', '{geo,city}' ], [ 'js.kind', 'js', '{kind}' ],
	[ '"Doc".geo."zip.code"', 'Doc', '{geo,zip.code}' ], [ 'js.list.0', 'js', '{list,0}' ]);
my @NUMBER_PATHS = ([ '"Doc".n', 'Doc', '{n}' ], [ 'js.n', 'js', '{n}' ], [ '"Doc".geo."zip.code"', 'Doc', '{geo,zip.code}' ]);

# Measures that take numbers only, and those that take anything with an order.
my %OF_NUMBERS = map { $_ => 1 } qw(sum avg stddev variance median percentile stats);

# type_of(fn, of) -- the type of a measure of values of a type, as in core.
sub type_of
{
	my ($fn, $of) = @_;
	return 'bigint' if $fn =~ /^(count|count_of|distinct)$/;
	return $of if $fn =~ /^(min|max|first|last)$/;
	return "$of\[]" if $fn eq 'values';
	return 'double precision' if $of eq 'double precision' || $fn =~ /median|percentile/;
	return $fn eq 'sum' && $of =~ /^(smallint|int)$/ ? 'bigint' : 'numeric';
}

# measure(spec) -- one of them; type: what comes out of it.
sub measure
{
	my ($s, %only) = @_;
	my $t = $s->{table};
	my $fn = pick($only{fn} ? @{ $only{fn} } : qw(count count count_of sum sum avg avg min max));
	return { fn => 'count', type => 'bigint' } if $fn eq 'count';
	if ($only{paths} && chance(0.2) && $fn !~ /stats|values|percentile/)
	{
		my $number = $OF_NUMBERS{$fn} || $fn =~ /^(min|max|first|last)$/;
		my $path = pick($number ? @NUMBER_PATHS : @KEY_PATHS);
		my $of = $number ? 'numeric' : 'text';
		return { fn => $fn, path => $path, of => $of, type => type_of($fn, $of) };
	}
	my $any = !$only{numbers} && !$OF_NUMBERS{$fn};
	my $column = pick(@NUMBERS, $any ? ('t', 'day', 'some "text"') : (), $any && $fn =~ /count_of|distinct/ ? ('b', 'u') : ());
	my $of = $t->{columns}{$column};
	if ($only{sketches} && chance(0.4) && $fn =~ /^(median|percentile|distinct)$/)
	{
		return { fn => $fn, column => $column, of => $of, sketch => pick(4, 6, 8, 10, 12, 14, 16), type => 'bigint' } if $fn eq 'distinct';
		return { fn => $fn, column => pick('i2', 'i4'), of => 'int', number => $fn eq 'median' ? undef : pick('0.95', '0', '0.5', '1', '0.1'),
			sketch => pick(20, 50, 100, 300), type => 'double precision' };
	}
	return { fn => $fn, column => $column, of => $of, number => pick('0.95', '0', '0.5', '1', '0.1'), type => type_of($fn, $of) } if $fn eq 'percentile';
	return { fn => $fn, column => $column, of => $of, type => type_of($fn, $of) };
}

sub keys_of
{
	my ($s, $most) = @_;
	my @from = ('t', 't', 'b', 'i2', 'u', 'day', 'some "text"', 'nu', 'f8');
	my %seen;
	my $n = pick(0, 1, 1, 1, 2, 2, 3);
	return grep { !$seen{ $_->{column} // $_->{path}[0] }++ } map {
		$s->{shape} =~ /wide|long|json/ && chance(0.15) ? { path => pick(@KEY_PATHS), type => 'text' }
			: do { my $c = pick(@from); { column => $c, type => $s->{table}{columns}{$c} } }
	} 1 .. ($n > $most ? $most : $n);
}

# two_step(spec) -- an aggregate over a query, and what is made of its series.
sub two_step
{
	my ($s) = @_;
	$s->{shape} = pick(qw(rows rows rows rows values merge rebucket cumulate moving rate shift));
	my @fn = $s->{shape} eq 'rate' ? qw(count sum)
		: qw(count count count_of sum sum avg avg min max first last stddev variance median distinct stats);
	$s->{measures} = [ measure($s, numbers => 1, fn => \@fn, sketches => ($s->{shape} =~ /^(rows|merge|rebucket)$/ ? 1 : 0)) ];
	$s->{keys} = [ keys_of($s, 2) ];
	$s->{cut} = chance(0.5);
	if ($s->{shape} eq 'rebucket')
	{
		my $nest = pick(@NESTED);
		@{$s}{qw(fine every)} = @$nest[ 0, 1 ];
		delete $s->{origin};
		# where whole days are not whole hours of UTC, hours do not nest in them
		$s->{tz} = pick('UTC', 'Asia/Kathmandu', 'Europe/Berlin', 'America/New_York') if $s->{fine} =~ /hour/;
		$s->{tz} = 'UTC' if $s->{fine} eq '6 hours';
		days($s, 'dates', -int rand $nest->[2], 1 + int rand $nest->[2]);
	}
	if ($s->{shape} eq 'rows' && chance(0.7))
	{
		$s->{fill} = pick(qw(zero previous previous next next linear linear));
		my ($number, $unit) = split / /, $s->{every};
		$s->{max_gap} = pick('1 hour', '1 day', '3 days', '26 hours', '1 mon', '10 days', map { $number * $_ . " $unit" } 1 .. 4) if $s->{fill} ne 'zero' && chance(0.4);
		$s->{seed} = (int rand 100) / 4 if $s->{fill} eq 'previous' && chance(0.4);
	}
	carried($s) if $s->{shape} =~ /^(rows|values|merge|rebucket|shift)$/ && chance(0.4);
	# what is nearly right is compared as it is
	delete @{$s}{qw(fill max_gap seed)} if $s->{measures}[0]{sketch};
	$s->{width} = pick(1, 2, 3, 7, 100);
	$s->{moving} = pick(qw(sum avg min max merge));
	$s->{per} = pick('1 second', '1 hour', '1 day');
	$s->{by} = pick('1 day', '-1 day', '1 week', '-1 mon', '1 year', '36 hours') if $s->{shape} eq 'shift';
	return;
}

# carried(spec) -- a fill that goes with the series.
sub carried
{
	my ($s) = @_;
	return if $s->{measures}[0]{sketch};
	$s->{carried} = 1;
	if ($s->{shape} ne 'rows')
	{
		my ($number, $unit) = split / /, $s->{every};
		$s->{fill} = pick(qw(zero previous next linear), 2.5);
		# moved buckets are not as far apart
		$s->{fill} = pick(qw(zero previous next)) if $s->{shape} eq 'shift';
		$s->{max_gap} = pick(map { $number * $_ . " $unit" } 1 .. 4) if $s->{fill} =~ /previous|next|linear/ && $s->{shape} ne 'shift' && chance(0.4);
		$s->{seed} = (int rand 100) / 4 if $s->{fill} eq 'previous' && $s->{shape} =~ /values|merge/ && chance(0.4);
	}
	delete $s->{carried} if !defined $s->{fill};
	return;
}

# Conditions: [as JSON, the same in SQL]
my @FILTERS = (
	[ '["i4", "gt", 0]', 'i4 > 0' ], [ '["i2", "in", [0, 1, 2]]', 'i2 IN (0, 1, 2)' ], [ '["nu", "lte", 3.5]', 'nu <= 3.5' ],
	[ '["f8", "gte", -1.5]', 'f8 >= -1.5' ], [ '["t", "eq", "a"]', "t = 'a'" ], [ '["t", "ne", "a"]', "t IS DISTINCT FROM 'a'" ],
	[ '["t", "in", ["a", "C", ""]]', "t IN ('a', 'C', '')" ], [ '["t", "contains", "o"]', "t LIKE '%o%'" ],
	[ '["some \"text\"", "not_contains", "t"]', '("some ""text""" LIKE \'%t%\') IS NOT TRUE' ],
	[ '["u", "exists", true]', 'u IS NOT NULL' ], [ '["t", "exists", false]', 't IS NULL' ], [ '["b", "eq", true]', 'b' ],
	[ '["t", "eq", null]', 't IS NULL' ], [ '["i8", "ne", null]', 'i8 IS NOT NULL' ], [ '["day", "lt", "2025-01-03"]', "day < '2025-01-03'" ],
	[ '{"property_name": "t", "operator": "lt", "property_value": "b"}', "t < 'b'" ],
	[ '["t", "eq", "\' OR true --"]', 'false' ],
	[ '["\"Doc\".kind", "eq", "x"]', '"Doc" @> \'{"kind": "x"}\'' ],
	[ '["\"Doc\".n", "gte", 2]', 'CASE WHEN jsonb_typeof("Doc" -> \'n\') = \'number\' THEN ("Doc" ->> \'n\')::numeric >= 2 END' ],
	[ '["js.n", "lt", 3]', 'CASE WHEN json_typeof(js #> \'{n}\') = \'number\' THEN (js #>> \'{n}\')::numeric < 3 END' ]);

# Members of a type, as JSON: some of a table's values, and others.
my %POOL = (text => [ '"a"', '"nobody"', '""', 'null', '"x"' ], bool => [ 'true', 'null' ], smallint => [ 1, 2, 77, 'null' ],
	bigint => [ 1, 9223372036854775807 ], uuid => [ '"00000000-0000-0000-0000-000000000001"', '"00000000-0000-0000-0000-00000000000f"' ],
	date => [ '"2025-01-01"', '"1999-12-31"' ], numeric => [ 0, '1.50', '1e25', 'null' ], 'double precision' => [ 0.5, -3, 'null' ]);

# members(spec) -- groups that are listed, in one of the ways to list them.
sub members
{
	my ($s) = @_;
	my @keys = @{ $s->{keys} };
	if (chance(0.3))
	{
		$s->{members_query} = 'i4 > $1';
		return;
	}
	# several keys: of so many members each with all of its values
	$s->{members} = [ map { [ map { pick(@{ $POOL{ $_->{type} } }) } @keys ] } 1 .. pick(1, 2, 3, 5) ];
	$s->{members_as} = @keys == 1 ? pick(qw(values lists objects)) : pick(qw(lists objects));
	return;
}

# groups(spec) -- which are shown: listed, ever seen, only the largest.
sub groups
{
	my ($s) = @_;
	my @keys = @{ $s->{keys} };

	return if !@keys || !chance(0.7);
	$s->{groups} = pick('seen', 'ever', 'listed', 'listed') if chance(0.6);
	my $listed = ($s->{groups} // '') eq 'listed';
	members($s) if $listed || chance(0.2);

	# what ranks a group; two groups of the same rank come in their order
	my @ranks = grep { $s->{measures}[$_]{fn} !~ /values|stats|first|last/ && !$s->{measures}[$_]{sketch} } 0 .. $#{ $s->{measures} };
	if (@ranks && chance(0.5))
	{
		$s->{top} = 1 + int rand 4;
		$s->{top_by} = pick(@ranks);
	}
	# columns need one that has a place for it
	return if !$listed && !$s->{top} || $s->{shape} eq 'wide' && !grep { $_->{type} eq 'text' } @keys;
	$s->{other} = 'the rest' if chance(0.7);
	return;
}

sub series
{
	my ($s) = @_;
	$s->{shape} = pick(qw(wide wide long json));
	# a value is a float8, or a key is JSON
	my $long = $s->{shape} eq 'long';
	my $json = $s->{shape} ne 'wide';
	my %seen;
	my @fn = qw(count count count_of sum sum avg avg min max first last stddev variance median percentile distinct);
	$s->{measures} = [ grep { !$seen{ $_->{fn} . ' ' . ($_->{column} // $_->{path}[0] // '') }++ }
			map { measure($s, numbers => $long, paths => 1, sketches => 1, fn => [ @fn, $long ? () : 'values' ]) } 1 .. pick(1, 1, 2, 3, 4) ];
	# a number in a JSON document keeps its zeros at the end
	$s->{keys} = [ grep { !$json || $_->{type} !~ /numeric|double/ } keys_of($s, 3) ];
	$s->{filters} = [ map { pick(@FILTERS) } 1 .. pick(1, 1, 2) ] if chance(0.35);
	$s->{query} = 1 if chance(0.2);
	groups($s);
	$s->{compare} = pick('1 day', '1 week', '1 mon', '1 mon', '1 year', '36 hours', '364 days', $s->{every}) if chance(0.25);
	fills($s) if chance(0.4);
	for my $i (0 .. $#{ $s->{measures} })
	{
		$s->{measures}[$i]{alias} = pick('n', 'a b', 'As', 'q"uote', '%') . $i if chance(0.15);
	}
	return;
}

# fills(spec) -- of each measure, and what goes with them.
sub fills
{
	my ($s) = @_;
	my $long = $s->{shape} eq 'long';
	for my $m (@{ $s->{measures} })
	{
		# a column of another type than float8 has no place for a line
		my $is_float = $m->{type} eq 'double precision';
		next if !chance(0.7) || $m->{sketch} || $m->{type} !~ /^(smallint|int|bigint|numeric|double precision)$/ || $m->{fn} =~ /stddev|variance/;
		$m->{fill} = pick('null', 'zero', 'previous', 'previous', 'next', 7, $long || $is_float ? 'linear' : ());
	}
	my $reaching = grep { ($_->{fill} // '') =~ /previous|next|linear/ } @{ $s->{measures} };
	my ($number, $unit) = split / /, $s->{every};
	$s->{max_gap} = pick('1 day', '26 hours', map { $number * $_ . " $unit" } 1 .. 4) if $reaching && chance(0.4);
	$s->{look_back} = 1 if (grep { ($_->{fill} // '') =~ /previous|linear/ } @{ $s->{measures} }) && chance(0.4);
	return;
}

# draw(id, tables) -- the specification number id.
sub draw
{
	my ($id, $tables) = @_;
	my $s = { id => $id, table => pick(@$tables) };
	buckets($s);
	chance(0.5) ? two_step($s) : series($s);
	return $s;
}

1;
