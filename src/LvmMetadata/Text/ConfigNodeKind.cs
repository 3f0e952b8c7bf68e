namespace OvirtSpm.LvmMetadata.Text;

internal enum ConfigNodeKind : byte
{
    Section,

    /// <summary><c>key = scalar</c>: one child.</summary>
    Entry,

    /// <summary><c>key = [ ... ]</c>: one child per element.</summary>
    ArrayEntry,
    Integer,
    Float,

    /// <summary>Double-quoted, with escapes.</summary>
    Quoted,

    /// <summary>Single-quoted or bare: no escapes.</summary>
    Plain,
}
