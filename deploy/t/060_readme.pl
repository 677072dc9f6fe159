# The README is true: every line of its examples is run as it stands there, in
# SQL and over HTTP, and the two ways of counting a dpkg.log agree.
#
# Replaced are only the file's path, so that what comes out is known, and what
# the reader fills in.
#
# Measures no times.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Basename qw(basename);
use IPC::Run ();
use POSIX qw(strftime);
use TallyTest;
use Test::More;

my $tally = TallyTest->new;
$tally->start_postgres;
my $project = $tally->create_project('readme');
$tally->start_write;
$tally->start_read;
$tally->start_nginx;

my $work = $tally->dir . '/work';
mkdir $work or die $!;
mkdir "$work/.demo" or die $!;
my $psql = join ' ', grep { !/^-[XAtq]$/ } $tally->psql_command;
write_file("$work/.demo/env", <<"END");
TALLY_URL='@{[$tally->url]}'
TALLY_PROJECT='$project->{project}'
TALLY_WRITE_KEY='$project->{write_key}'
TALLY_READ_KEY='$project->{read_key}'
TALLY_MASTER_KEY='$project->{master_key}'
TALLY_PSQL='$psql'
END

sub write_file
{
	my ($path, $text) = @_;
	open my $fh, '>', $path or die "$path: $!";
	print $fh $text;
	close $fh;
}

# A log of some months: lines of every kind that dpkg writes.
my @log;
for my $i (1 .. 2345)
{
	my $at = strftime('%Y-%m-%d %H:%M:%S', gmtime(time - 86400 * (1 + $i % 40) - $i));
	push @log,
		$i % 10 == 0 ? "$at install curl:amd64 <none> 7.88"
		: $i % 10 == 1 ? "$at startup archives unpack"
		: $i % 10 == 2 ? "$at trigproc man-db:amd64 2.11 <none>"
		: "$at status half-installed curl:amd64 7.88";
}
write_file("$work/dpkg.log", join '', map { "$_\n" } @log);

# The examples, in order: [heading, language, text]
my @blocks;
{
	open my $fh, '<', "$TallyTest::ROOT/README.md" or die $!;
	my ($heading, $block) = ('');
	while (<$fh>)
	{
		if ($block && /^```$/) { push @blocks, $block; undef $block }
		elsif ($block) { $block->[2] .= $_ }
		elsif (/^```(sh|sql)$/) { $block = [ $heading, $1, '' ] }
		elsif (/^#+ (.*)/) { $heading = $1 }
	}
}
cmp_ok(scalar(@blocks), '>', 10, 'examples found: ' . @blocks);

# The first events make the collections that later examples ask about.
for my $c (qw(page_views))
{
	my $r = $tally->http('POST', "/3.0/projects/$project->{project}/events/$c",
		key => $project->{write_key},
		json => { browser => 'x', page => '/tea', load_ms => 5,
			user => { country => 'CZ' } });
	is($r->{status}, 201, "an event of $c");
}
eval { $tally->wait_for_events(1) };

# Where "CREATE EXTENSION tally" has something to do.
$tally->psql('CREATE DATABASE empty');

my $events = 1;
my %said;
for (@blocks)
{
	my ($heading, $language, $text) = @$_;
	next if $text =~ /demo\.sh|check\.sh/;

	$text =~ s{/var/log/dpkg\.log}{dpkg.log};
	$text =~ s/revoke_key\('…'\)/revoke_key('$project->{master_key}')/;
	my $out = '';
	my @command = $language eq 'sql'
		? (split(/ /, $psql), '-q')
		: ('bash', '-e', '-u', '-o', 'pipefail');
	$text = ". .demo/env\n$text" if $language eq 'sh';
	push @command, '-d', 'empty' if $text =~ /CREATE EXTENSION/;
	IPC::Run::run(\@command, '<', \$text, '>&', \$out,
		init => sub { chdir $work }, IPC::Run::timeout(60));
	is($?, 0, "$heading: runs") or diag "$text\n$out";
	unlike($out, qr/error_code|^ERROR|"success": ?false/m,
		"$heading: without an error");
	$said{$heading} .= $out;

	# What was sent is there before the next example asks for it.
	$events += 1 if $heading eq 'A first result' && $language eq 'sh';
	$events += 3 if $heading eq 'Send many events';
	$events += 1 if $heading eq 'Send them compressed';
	$events += @log if $text =~ /awk/;
	eval { $tally->wait_for_events($events); 1 } or diag $@;
}

like($said{'A first result'}, qr/Firefox +\| +1 +\| +100\.0/,
	'the series of the first result');
like($said{'Buckets alone'}, qr/01:00:00/, 'a day of 25 hours');

# The same log, three ways.
my $heading = 'Load a file, and look at it both ways';
like($said{$heading}, qr/^ *@{[scalar @log]} "success": ?true$/m,
	'every line of the log was taken');
my %lines;
$lines{ (split)[2] }++ for @log;
my ($json) = $said{$heading} =~ /(\{\s*"result".*?\n\}\n)/s;
my $slices = eval { $tally->{json}->decode($json) }->{result} // [];
my (%by_http, %by_sql);
for my $slice (@$slices)
{
	$by_http{ $_->{action} } += $_->{result} for @{ $slice->{value} };
}
$by_sql{$1} += $2 while $said{$heading} =~ /^ \S+ \S+ \| (\w+) +\| +(\d+)$/mg;
is_deeply(\%by_http, \%lines, 'by action over HTTP: as many as in the file');
is_deeply(\%by_sql, \%lines, 'by action by tally.series: as many as in the file');

#-----------------------------------------------------------------------------
# The reference leaves nothing out, and names nothing that is not there.
#-----------------------------------------------------------------------------

sub text_of
{
	my ($path) = @_;
	open my $fh, '<', "$TallyTest::ROOT/$path" or die "$path: $!";
	local $/;
	return scalar <$fh>;
}

# same_names(title, names in the code, names in the README)
sub same_names
{
	my ($title, $code, $readme) = @_;
	my %code = map { $_ => 1 } @$code;
	my %readme = map { $_ => 1 } @$readme;
	is(join(' ', sort keys %readme), join(' ', sort keys %code), $title);
}

my $readme = text_of('README.md');
my ($errors) = $readme =~ /^### Errors\n(.*?)^### /ms;
same_names(
	'every error_code',
	[
		# 499 is for the log: the client that would read it has left
		grep({ $_ ne 'ClientGoneError' }
			text_of('fcgi/reply.c') =~ /\[REPLY_\w+\] =\s*\{\d+, "(\w+)"\}/g),
		text_of('deploy/nginx/tally.conf') =~ /"error_code": "(\w+)"/g,
	],
	[ $errors =~ /`(\w+(?:Error|Property))`/g ]);

my ($settings) = $readme =~ /^### Settings\n(.*?)^### /ms;
same_names(
	'every setting of the extension',
	[ split /\n/, $tally->psql("LOAD 'tally'; SELECT name FROM pg_settings"
			. " WHERE name LIKE 'tally.%'") ],
	[ $settings =~ /^(?:\| )?`(tally\.\w+)` [(|]/mg ]);

same_names(
	'every operator of a filter',
	[ text_of('extension/filter/compile.c') =~ /\[TALLY_OP_\w+\] = \{"(\w+)"/g ],
	[ map { /`(\w+)`/g } $readme =~ /^Operators: (.*?)\.$/m ]);

# Functions that PUBLIC does not see as parts of a type or an aggregate: all
# with a comment that does not begin with "Internal", or "Transition".
my @functions = split /\n/, $tally->psql(<<'SQL');
SELECT DISTINCT p.proname
FROM pg_proc p JOIN pg_description d ON d.objoid = p.oid
    AND d.classoid = 'pg_proc'::regclass
WHERE p.pronamespace = 'tally'::regnamespace
    AND d.description !~ '^(Internal|Transition)'
SQL
for my $function (@functions)
{
	ok($readme =~ /\b(?:tally\.|\|)\Q$function\E\b/,
		"the function $function is in the reference");
}

# Whoever opens a folder finds each file in its README: by its name, or as
# `name.[ch]`, or as `name.one` `.other`.
for my $folder (qw(fcgi fcgi/fuzz fcgi/t fcgi/test deploy/t deploy/bench
	deploy/prometheus deploy/systemd deploy/www))
{
	my $text = text_of("$folder/README.md");
	my %named = map { $_ => 1 } map { s/\.\[ch\]$// ? ("$_.c", "$_.h") : $_ }
		$text =~ /`([\w.-]+(?:\[ch\])?)`/g;
	$named{"$1.$2"} = 1 while $text =~ /`([\w-]+)\.\w+` `(?=\.(\w+)`)/g;
	my @files = map { basename($_) } grep { -f } glob "$TallyTest::ROOT/$folder/*.*";
	is(join(' ', grep { !$named{$_} && !/^(README\.md|tally-.*\.o)$/ } @files), '',
		"$folder/README.md has every file");
}

ok($tally->stop, 'all stops');
done_testing;
