using System.CommandLine;
using OvirtSpm.Node.Cli;

namespace OvirtSpm.Node.Tests.Roles;

public sealed class NodeSettingsTests
{
    [Theory]
    [InlineData("--lun", "--host-id 1")]
    [InlineData("host id 0", "--lun /l")]
    [InlineData("host id 240", "--lun /l --host-id 240")]
    [InlineData("host id -1", "--lun /l --host-id -1")]
    [InlineData("hold limit", "--lun /l --host-id 1 --hold-limit 111")]
    [InlineData("hold limit", "--lun /l --host-id 1 --hold-limit -1")]
    [InlineData("--activation dm", "--lun /l --host-id 1 --tail")]
    [InlineData("--watchdog", "--lun /l --host-id 1 --watchdog watchdog0")]
    [InlineData("--sleep", "--lun /l --host-id 1 --sleep well")]
    [InlineData("ADDRESS:PORT", "--lun /l --host-id 1 --listen nowhere")]
    [InlineData("--insecure-listen", "--lun /l --host-id 1 --listen 192.0.2.1:7400")]
    [InlineData("--advertise", "--lun /l --host-id 1 --listen 0.0.0.0:7400 --insecure-listen true")]
    [InlineData("--advertise", "--lun /l --host-id 1 --advertise ftp://x")]
    [InlineData("configuration", "--lun /l --host-id 1", "/nonexistent/node.json")]
    public void Settings_that_make_no_sense_are_refused_with_the_option_to_correct(string word, string arguments, string? file = null)
    {
        var refusal = Assert.Throws<Refusal>(() => Read(arguments, file));
        Assert.Equal(RefusalCode.Invalid, refusal.Code);
        Assert.Contains(word, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_command_line_wins_over_the_file_and_a_relative_state_becomes_one_path()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, """{ "lun": "/from/file", "hostId": 7, "name": "n", "holdLimitSeconds": 5 }""");
            var options = Read("--host-id 8 --state some/../where", file);
            Assert.Equal(("/from/file", 8, "n", 5.0), (options.Lun, options.HostId, options.Name, options.HoldLimitSeconds));
            Assert.Equal(Path.GetFullPath("where"), options.State);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void A_file_that_is_no_JSON_is_refused()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "lun: /x");
            Assert.Contains("configuration cannot be read", Assert.Throws<Refusal>(() => Read("", file)).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("111")]
    [InlineData("NaN")]
    public void A_hold_limit_that_no_guest_would_wait_for_is_refused(string limit) => Assert.Contains(
        "hold limit", Assert.Throws<Refusal>(() => Read($"--lun /x --host-id 1 --hold-limit {limit}", null)).Message, StringComparison.Ordinal);

    static NodeOptions Read(string arguments, string? file)
    {
        var command = new RootCommand();
        foreach (var option in NodeSettings.Options)
        {
            command.Add(option);
        }
        return NodeSettings.Read(command.Parse(arguments), file);
    }
}
