using System.Text;
using FsCheck;
using FsCheck.Fluent;
using LvmMetadata.Tests.Support;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.LvmMetadata.Text;
using OvirtSpm.Tests;

namespace LvmMetadata.Tests;

public sealed class ConfigTextProperties
{
    [Fact]
    public void A_random_tree_is_read_back_as_it_was_written_whatever_stands_between_its_words()
    {
        for (var seed = 0; seed < 400; seed++)
        {
            var random = new Random(seed);
            var expected = new StringBuilder();
            var text = new StringBuilder();
            WriteItems(random, text, expected, 0);

            Assert.Null(ConfigTree.TryParse(Encoding.UTF8.GetBytes(text.ToString()), out var tree));
            var read = new StringBuilder();
            Dump(tree!, ConfigTree.Root, read);
            Assert.Equal(expected.ToString(), read.ToString());
        }
    }

    [Theory]
    [InlineData("a {", "line 1 (byte 3): a section is not closed")]
    [InlineData("a = 1\n}", "line 2 (byte 6): a closing brace without an opening one")]
    [InlineData("a = [1, 2", "line 1 (byte 9): an array is not closed")]
    [InlineData("a = \"x", "line 1 (byte 4): a string is not closed")]
    [InlineData("a b", "line 1 (byte 2): a name is followed by neither '=' nor '{'")]
    [InlineData("a = 0x10", "line 1 (byte 8): a name is followed by neither '=' nor '{'")]
    [InlineData("a = }", "line 1 (byte 4): a value is missing")]
    public void A_broken_text_is_named_with_its_place(string text, string message) =>
        Assert.Equal(message, ConfigTree.TryParse(Encoding.ASCII.GetBytes(text), out _)!.ToString());

    [Fact]
    public void Sections_nested_without_end_are_refused()
    {
        var text = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("a{", 1_000_000)));
        Assert.Contains("nested", ConfigTree.TryParse(text, out _)!.Reason);
    }

    [Fact]
    public void Octal_numbers_and_escapes_are_read_as_lvm2_reads_them()
    {
        Assert.Null(ConfigTree.TryParse("""a = 010 b = "x\"y\\z\n" c = 'p\q' d = [7,] e = 9223372036854775808"""u8.ToArray(), out var tree));
        Assert.True(tree!.TryInteger(tree.Find(0, "a"u8), out var number));
        Assert.Equal(8, number);
        Assert.True(tree.TryString(tree.Find(0, "b"u8), out var text));
        Assert.Equal("x\"y\\z\\n", text);
        Assert.True(tree.TryString(tree.Find(0, "c"u8), out text));
        Assert.Equal("p\\q", text);
        Assert.True(tree.TryInteger(tree.Find(0, "d"u8), out number));
        Assert.Equal(7, number);
        Assert.False(tree.TryInteger(tree.Find(0, "e"u8), out _));
    }

    /// What is read is kept byte for byte; what may be written is read back, after an edit of all of it, as what was meant.
    [Fact]
    public void No_text_makes_a_parser_throw_hang_or_eat_memory_and_none_is_written_as_something_else()
    {
        const int Texts = 12_000;
        var texts = FixtureFolder.All.Where(name => name is not ("f10-1000-lvs" or "f11-10000-lvs"))
            .Select(name => new FixtureFolder(name)).SelectMany(folder => folder.TextFiles().Select(folder.Unpack)).ToArray();
        var before = GC.GetAllocatedBytesForCurrentThread();
        int read = 0, edited = 0;
        Prop.ForAll(Gen.Choose(0, int.MaxValue - 1).ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            var text = TextMutation.Of(texts[random.Next(texts.Length)], random);
            if (VolumeGroup.TryParse(text, out var group) is not null)
            {
                return;
            }
            read++;
            var nul = Array.IndexOf(text, (byte)0);
            Assert.Equal(nul < 0 ? text : text[..nul], Lab.TextOf(group!));
            if (group!.WriteRefusal is null)
            {
                edited++;
                EditAll(group, random);
            }
        }).Check(PropertyRuns.Of(Texts));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1L * Texts << 20);
        Assert.InRange(read, Texts / 50, Texts);
        Assert.InRange(edited, Texts / 50, read);
    }

    [Fact]
    public void No_sector_makes_a_record_throw()
    {
        Prop.ForAll(Gen.Choose(0, int.MaxValue - 1).ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            var sector = new byte[512];
            random.NextBytes(sector);
            var area = new DiskArea(4096, 1 << 20);
            if (random.Next(2) == 0)
            {
                // Past the checksum, so that the fields behind it are tried, too.
                MdaHeader.Magic.CopyTo(sector.AsSpan(4));
                sector[20] = 1;
                BitConverter.TryWriteBytes(sector.AsSpan(0), LvmCrc.Compute(sector.AsSpan(4)));
            }
            _ = MdaHeader.TryParse(sector, area, out _);
            "LABELONE"u8.CopyTo(sector);
            BitConverter.TryWriteBytes(sector.AsSpan(8), 1L);
            "LVM2 001"u8.CopyTo(sector.AsSpan(24));
            BitConverter.TryWriteBytes(sector.AsSpan(20), random.Next(0, 480));
            BitConverter.TryWriteBytes(sector.AsSpan(16), LvmCrc.Compute(sector.AsSpan(20)));
            _ = PvLabel.TryParse(sector, 1, out _);
        }).Check(PropertyRuns.Of(2000));
    }

    [Fact]
    public async Task A_device_of_random_bytes_is_reported_and_read_without_a_crash()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var pv = await Lab.NewGroupAsync(areaBytes: 64 << 10);
            for (var i = random.Next(1, 40); i > 0; i--)
            {
                pv.Poke(random.Next(random.Next(2) == 0 ? 1100 : 140000), [(byte)random.Next(256)]);
            }
            var read = await MetadataReader.ReadAsync([pv]);
            Assert.True(read.Group is not null || read.Problem is not null);
            _ = await DeviceProbe.ProbeAsync(pv);
        }
    }

    private static void EditAll(VolumeGroup group, Random random)
    {
        var draft = new VolumeGroupDraft(group);
        foreach (var volume in group.LogicalVolumes)
        {
            _ = random.Next(3) switch
            {
                0 => draft.Extend(volume.Name, volume.ExtentCount + random.Next(1, 4)),
                1 => draft.ChangeTags(volume.Name, volume.Tags.Take(1), ["new"]),
                _ => draft.Reduce(volume.Name, 1),
            };
        }
        _ = draft.CreateLinear("zz_new", Lab.Uuid(900), 1, ["t"], TestClock.Now, "h");
        _ = draft.ChangeVgTags([], ["zz"]);
        var built = draft.Build(group.Seqno + 1, 3, TestClock.Now, "d", "h");
        Assert.Null(VolumeGroup.TryParse(Lab.TextOf(built), out var again));
        NaiveGroup.CheckSame(built, again!);
    }

    private static void WriteItems(Random random, StringBuilder text, StringBuilder expected, int depth)
    {
        for (var i = random.Next(depth == 0 ? 60 : 8); i > 0; i--)
        {
            var name = "n" + random.Next(1000);
            text.Append(Gap(random, true)).Append(random.Next(8) == 0 ? $"\"{name}\"" : name).Append(Gap(random, false));
            expected.Append(name);
            if (random.Next(4) == 0 && depth < 6)
            {
                text.Append('{');
                expected.Append('{');
                WriteItems(random, text, expected, depth + 1);
                text.Append(Gap(random, true)).Append('}');
                expected.Append('}');
            }
            else if (random.Next(2) == 0)
            {
                text.Append('=').Append(Gap(random, false));
                expected.Append('=');
                WriteScalar(random, text, expected);
            }
            else
            {
                text.Append("= [").Append(Gap(random, false));
                expected.Append('=');
                for (var e = random.Next(5); e > 0; e--)
                {
                    WriteScalar(random, text, expected);
                    text.Append(e > 1 ? ", " : "").Append(Gap(random, false));
                }
                text.Append(']');
            }
        }
        text.Append(Gap(random, true));
    }

    private static void WriteScalar(Random random, StringBuilder text, StringBuilder expected)
    {
        var number = random.NextInt64(long.MaxValue) * (random.Next(2) == 0 ? 1 : -1);
        var word = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => "ab\"\\{}[]#= ,\n"[random.Next(13)]));
        if (random.Next(2) == 0)
        {
            text.Append(number);
            expected.Append($"<{number}>");
        }
        else
        {
            text.Append(Encoding.UTF8.GetString(new ConfigWriter().Quoted(word).Written));
            expected.Append($"<{word}>");
        }
    }

    private static string Gap(Random random, bool needed) => random.Next(4) switch
    {
        0 => "\n",
        1 => " # } \" comment\n\t",
        2 => needed ? "\r\n" : "",
        _ => " ",
    };

    private static void Dump(ConfigTree tree, int section, StringBuilder into)
    {
        for (var node = tree[section].FirstChild; node != 0; node = tree[node].Next)
        {
            into.Append(tree.NameText(node));
            if (tree.IsSection(node))
            {
                into.Append('{');
                Dump(tree, node, into);
                into.Append('}');
                continue;
            }
            into.Append('=');
            for (var scalar = tree[node].FirstChild; scalar != 0; scalar = tree[scalar].Next)
            {
                into.Append('<').Append(tree.TryScalarInteger(scalar, out var number) ? number.ToString() : tree.TryScalarString(scalar, out var word) ? word : "?").Append('>');
            }
        }
    }
}
