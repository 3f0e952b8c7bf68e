using FsCheck;
using FsCheck.Fluent;
using OvirtSpm.Tests;

namespace OvirtSpm.Volumes.Tests;

/// <summary>Property tests and what they draw from.</summary>
internal static class Forall
{
    public static void Of<T>(Gen<T> gen, Action<T> check, int cases = 1000) =>
        FsCheck.Check.One(
            PropertyRuns.Of(cases),
            Prop.ForAll(Arb.From(gen), (T value) => check(value)));

    public static readonly Gen<byte[]> Bytes = Gen.Choose(0, 255).Select(value => (byte)value).ArrayOf();

    public static Gen<byte[]> BytesOf(int length) => Gen.Choose(0, 255).Select(value => (byte)value).ArrayOf(length);

    public static readonly Gen<Guid> Uuid = BytesOf(16).Select(bytes => new Guid(bytes));

    public static readonly Gen<ulong> Number = BytesOf(8).Select(bytes => BitConverter.ToUInt64(bytes));

    /// <summary>Text without line breaks or blanks at its ends, ASCII and beyond.</summary>
    public static Gen<string> Line(int longest) =>
        Gen.Elements("abcXYZ019 _=&{}\":,.-/ü€😀#!".EnumerateRunes().Select(rune => rune.ToString()).ToArray())
            .ArrayOf().Select(parts => string.Concat(parts).Trim()).Select(text => text.Length <= longest ? text : "").Where(text => text.Length <= longest);

    public static Gen<string> Word(int longest) =>
        Gen.Elements("abcdefghijklmnopqrstuvwxyz0123456789-.:/".ToCharArray()).NonEmptyListOf()
            .Select(parts => string.Concat(parts.Take(longest)));
}
