using OvirtSpm.Node.Storage.Paths;

namespace OvirtSpm.Node.Tests.Storage.Paths;

/// Lines as kernel 6.1 and multipathd 0.9.4 print them.
public class MultipathMapTests
{
    const string Table = "1 queue_if_no_path 0 2 1 service-time 0 1 2 8:0 1 1 service-time 0 1 2 8:16 1 1 ";

    [Fact]
    public void Paths_and_what_happens_without_them_are_read()
    {
        var map = Parse(Table, "2 1 0 0 2 1 E 0 1 2 8:0 F 3 0 1 E 0 1 2 8:16 A 0 0 1 ")!;
        Assert.Equal([new LunPath("8:0", "sd 8:0", false, 3), new LunPath("8:16", "sd 8:16", true, 0)], map.Paths);
        Assert.Equal((1, true), (map.Usable, map.Queues));
    }

    [Fact]
    public void Groups_of_several_paths_and_other_selectors_are_read()
    {
        // round-robin prints no words for a path in its status, a hardware handler and more features move everything behind them.
        var map = Parse(
            "3 retain_attached_hw_handler queue_mode bio 1 alua 1 1 round-robin 0 3 1 8:0 1000 8:16 1000 8:32 1000 ",
            "2 0 0 1 0 1 1 A 0 3 0 8:0 A 0 8:16 A 1 8:32 F 7 ")!;
        Assert.Equal(["8:0 True 0", "8:16 True 1", "8:32 False 7"], map.Paths.Select(path => $"{path.Number} {path.IsUsable} {path.Failures}"));
        Assert.False(map.Queues);
    }

    [Theory]
    [InlineData("")]
    [InlineData("2 1 0 0 2 1 E 0 1 2 8:0 F")]
    [InlineData("2 1 0 0 one")]
    [InlineData("99 1 0")]
    public void Something_of_another_shape_is_nothing(string status) => Assert.Null(Parse(Table, status));

    static MultipathMap? Parse(string table, string status) => MultipathMap.Parse("35000c50015ea71aa", "35000c50015ea71aa", table, status, number => $"sd {number}");
}
