# Tables.pm
#     The tables of the differential test, some of them partitioned, inherited
#     from, or views: a hundred rows or so each, with what hurts: nulls, duplicates, one value far more often than the others, times
#     on bucket edges and on clock changes, and names that need quotes.
package Tables;

use strict;
use warnings;
use Exporter qw(import);
our @EXPORT_OK = qw(pick chance ident literal policies tables);

sub pick { return $_[ int rand @_ ] }
sub chance { return rand() < $_[0] }

# ident, literal -- as SQL writes them.
sub ident { my ($s) = @_; $s =~ s/"/""/g; return "\"$s\"" }
sub literal
{
	my ($s) = @_;
	return 'NULL' unless defined $s;
	$s =~ s/'/''/g;
	return $s =~ s/\\/\\\\/g ? " E'$s'" : "'$s'";
}

# Where clocks did something, and the zone in which they did.
our @ERAS = (
	[ '2025-03-30', 'Europe/Berlin' ], [ '2025-10-26', 'Europe/Prague' ],
	[ '2011-12-30', 'Pacific/Apia' ], [ '2019-04-07', 'Australia/Lord_Howe' ],
	[ '2018-11-04', 'America/Sao_Paulo' ], [ '1969-12-31', 'America/New_York' ],
	[ '1894-03-31', 'Europe/Berlin' ], [ '2024-02-29', 'Asia/Kathmandu' ],
	[ '2025-06-15', 'UTC' ], [ '2006-10-29', 'America/St_Johns' ]);

my @TYPES = (
	[ 'i2', 'smallint' ], [ 'i4', 'int' ], [ 'i8', 'bigint' ],
	[ 'nu', 'numeric' ], [ 'Float 4', 'real' ], [ 'f8', 'double precision' ],
	[ 't', 'text' ], [ 'some "text"', 'text' ], [ 'b', 'bool' ], [ 'day', 'date' ],
	[ 'u', 'uuid' ], [ 'Doc', 'jsonb' ], [ 'js', 'json' ]);

my @WORDS = ('a', 'a', 'a', 'a', 'a', 'b', 'b', 'C', '', "it's", 'quo"te', 'back\\slash', 'é', '{x,y}');

# a number of each type: mostly small and often the same, seldom extreme
sub number
{
	my ($type) = @_;
	return $type eq 'smallint' ? pick(int rand 5, int rand 5, int(rand 65536) - 32768)
		: $type eq 'int' ? pick(int rand 7, int(rand 2000) - 1000, 2147483647)
		: $type eq 'bigint' ? pick(int rand 4, int rand 1e9, '9223372036854775807', '-9223372036854775807')
		: $type eq 'numeric' ? pick(int rand 3, sprintf('%.2f', rand 10), sprintf('%.5f', rand(1e6) - 5e5), int(rand 9) . '.50', '1e25')
		: $type eq 'real' ? int(rand 64) / 4
		: chance(0.01) ? pick('NaN', 'Infinity', '-Infinity') : (int(rand 4000) - 2000) / 8;
}

sub json
{
	my @members;
	push @members, '"kind":' . pick('"x"', '"x"', '"x"', '"y"', '"z z"', '7', '7.0', 'true', 'null', '{"a":1}', '["q"]') if chance(0.85);
	push @members, '"n":' . pick(int rand 5, int rand 5, '2.50', '-1e3', '"12"', 'null', 'false', '[1]') if chance(0.85);
	push @members, '"geo":' . pick('{"city":"Brno","zip.code":5}', '{"city":"Oslo"}', '{"city":null}', '"none"') if chance(0.7);
	push @members, '"list":' . pick('[1,2]', '["a"]', '[]') if chance(0.5);
	# not to be compressed: it, or all of the document, is stored apart
	push @members, '"pad":"' . join('', map { sprintf '%08x', rand 2**32 } 1 .. pick(40, 300, 900)) . '"'
		if chance(0.04);
	return chance(0.03) ? pick('null', '[1]', '"x"') : '{' . join(',', @members) . '}';
}

sub value
{
	my ($type) = @_;
	return undef if chance(0.15);
	return number($type) if $type =~ /int|numeric|real|double/;
	return $type eq 'text' ? pick(@WORDS)
		: $type eq 'bool' ? pick('t', 't', 't', 'f')
		: $type eq 'date' ? '2025-01-0' . (1 + int rand 3)
		: $type eq 'uuid' ? '00000000-0000-0000-0000-00000000000' . int rand 4
		: json();
}

# copied -- a value in a line of COPY
sub copied
{
	my ($v) = @_;
	return '\N' unless defined $v;
	$v =~ s/\\/\\\\/g;
	return $v;
}

# at -- a time of an era, as a text without a zone: up to three weeks away, often
# on a whole hour, a midnight or near the change.
sub at
{
	my ($spread) = @_;
	my $minutes = chance(0.25) ? int(rand 360) - 180 : int((rand() - 0.5) * $spread * 1440);
	$minutes = 60 * int($minutes / 60) if chance(0.4);
	$minutes = 1440 * int($minutes / 1440) if chance(0.2);
	return ($minutes, chance(0.3) ? sprintf('%.6f', rand 60) : 0);
}

# parts(table, i) -- the end of its CREATE TABLE, and what its rows are in.
sub parts
{
	my ($t, $i) = @_;
	return ";\nCREATE TABLE \"part $i\" () INHERITS ($t->{name});\n" if $t->{kind} eq 'inherited';
	return ";\n" if $t->{kind} ne 'partitioned';
	my $part = sub { return "CREATE TABLE \"part $i$_[0]\" PARTITION OF $t->{name} $_[1];\n" };
	return ' PARTITION BY RANGE (' . ident($t->{axis}) . ");\n"
		. $part->('a', "FOR VALUES FROM (MINVALUE) TO ('$t->{day}')") . $part->('b', "FOR VALUES FROM ('$t->{day}') TO ('$t->{day}'::date + 3)")
		. $part->('c', 'DEFAULT');
}

# tables(n) -- n of them, and the SQL that makes them.
sub tables
{
	my ($n) = @_;
	my (@tables, $sql);
	for my $i (0 .. $n - 1)
	{
		my ($day, $zone) = @{ $ERAS[ $i % @ERAS ] };
		my %t = (
			name => chance(0.3) ? ident('Odd "Schema"') . '.' . ident("Tab le$i") : "t$i",
			axis => chance(0.3) ? 'When "at"' : 'at',
			axis_type => pick('timestamptz', 'timestamptz', 'timestamp', 'date'),
			day => $day, zone => $zone,
			# whole minutes from the era's midnight at which there are rows
			minutes => [],
			kind => pick(qw(table table table partitioned partitioned inherited view matview)),
			rows => $i == 0 ? 0 : pick(1, 12, 40, 90, 90, 160),
			columns => { map { @$_ } @TYPES },
		);
		my $spread = pick(2, 10, 30, 90);
		my @names = map { $_->[0] } @TYPES;
		my $stored = $t{kind} =~ /view/ ? ident("stored $i") : $t{name};
		$sql .= "CREATE TABLE $stored (" . ident($t{axis}) . " $t{axis_type}, "
			. join(', ', map { ident($_->[0]) . " $_->[1]" } @TYPES) . ')' . parts(\%t, $i)
			. "CREATE TEMP TABLE raw (minutes int, seconds float8, " . join(', ', map { ident($_->[0]) . " $_->[1]" } @TYPES) . ");\n"
			. "COPY raw FROM stdin;\n";
		for (1 .. $t{rows})
		{
			my ($minutes, $seconds) = at($spread);
			push @{ $t{minutes} }, $minutes if !$seconds;
			my @row = (chance(0.04) ? undef : $minutes, $seconds, map { value($_->[1]) } @TYPES);
			$sql .= join("\t", map { copied($_) } @row) . "\n";
			$sql .= join("\t", map { copied($_) } @row) . "\n" if chance(0.1);
		}
		# midnight on the zone's clock is where whole hours count from
		my $time = "timestamp '$day' + minutes * interval '1 min' + seconds * interval '1 s'";
		$time = "($time) AT TIME ZONE '$zone'" if $t{axis_type} eq 'timestamptz';
		my $rows = "SELECT ($time)::$t{axis_type}, " . join(', ', map { ident($_) } @names) . ' FROM raw';
		$sql .= "\\.\n";
		$sql .= "INSERT INTO $stored $rows" . ($t{kind} eq 'inherited' ? " WHERE i4 % 2 = 0;\nINSERT INTO \"part $i\" $rows WHERE i4 % 2 = 0 IS NOT TRUE" : '') . ";\nDROP TABLE raw;\n";
		$sql .= "INSERT INTO $stored (" . ident($t{axis}) . ", i4) VALUES ('infinity', 1), ('-infinity', 2);\n" if chance(0.3);
		$sql .= "CREATE INDEX ON $stored (" . ident($t{axis}) . ");\n" if chance(0.4);
		$sql .= 'CREATE ' . ($t{kind} eq 'view' ? 'VIEW' : 'MATERIALIZED VIEW') . " $t{name} AS SELECT * FROM $stored;\n" if $t{kind} =~ /view/;
		$sql .= "ANALYZE $stored;\n" if chance(0.5);
		push @tables, \%t;
	}
	return (\@tables, "CREATE SCHEMA \"Odd \"\"Schema\"\"\";\n$sql");
}

# policies(tables) -- the SQL by which others than their owner see some rows only,
# of half of the tables; views show what their owner sees.
sub policies
{
	my ($tables) = @_;
	return join '', map {
		my $seen = pick('i4 % 3 IS DISTINCT FROM 1', 'i4 > 0', 'i4 IS NULL OR i4 % 2 = 0', 'false');
		"ALTER TABLE $_->{name} ENABLE ROW LEVEL SECURITY; CREATE POLICY seen ON $_->{name} USING ($seen);\n"
	} grep { $_->{kind} !~ /view/ && chance(0.5) } @$tables;
}

1;
